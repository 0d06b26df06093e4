package importserver

import (
	"context"

	"github.com/tidepole/tidepole/importserver/store"
)

// Words of base images.
const (
	autoBase   = "auto"                           // base_digest: the server is to find it
	markedBase = "anchore.user/marked_base_image" // annotation: "true" marks an image as one to build on
)

// baseOf is the image that another is built on: the one of a digest, or with
// "auto" the nearest that is marked as a base image, or else the nearest that is
// known; nil where there is none.
func (a *Account) baseOf(ctx context.Context, i store.Image, base string) (*store.Image, error) {
	if base == "" {
		return nil, nil
	}
	if base != autoBase {
		found, err := a.analyzed(ctx, base)
		if err != nil {
			return nil, err
		}
		return &found, nil
	}
	all, err := a.server.store.View().Ancestors(ctx, i, maxAncestors)
	if err != nil {
		return nil, err
	}
	return chosenBase(all), nil
}

// chosenBase is the one of an image's ancestors, nearest first, that it is
// compared with.
func chosenBase(ancestors []store.Ancestor) *store.Image {
	for n := range ancestors {
		if isMarkedBase(ancestors[n].Image) {
			return &ancestors[n].Image
		}
	}
	if len(ancestors) == 0 {
		return nil
	}
	return &ancestors[0].Image
}

func isMarkedBase(i store.Image) bool { return i.Annotations[markedBase] == "true" }
