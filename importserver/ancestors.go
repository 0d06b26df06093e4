package importserver

import (
	"context"
	"slices"

	"github.com/tidepole/tidepole/formats/wire"
)

// maxAncestors is how many images are told of that one is built on: those with the
// most layers, and of equals the newest.
const maxAncestors = 100

// Ancestors are the account's images that an image is built on, those with the
// fewest layers first.
func (a *Account) Ancestors(ctx context.Context, digest string) ([]wire.Ancestor, error) {
	i, err := a.analyzed(ctx, digest)
	if err != nil {
		return nil, err
	}
	view := a.server.store.View()
	found, err := view.Ancestors(ctx, i, maxAncestors)
	if err != nil {
		return nil, err
	}
	chosen := chosenBase(found)
	layers, err := view.Layers(ctx, i.ID) // of which those of the others are the lowest
	if err != nil {
		return nil, err
	}
	all := []wire.Ancestor{}
	for _, f := range found {
		tags, err := view.Tags(ctx, f.ID)
		if err != nil {
			return nil, err
		}
		one := wire.Ancestor{
			Digest: f.Digest, ParentDigest: f.ParentDigest, Tags: []string{}, Layers: layers[:min(f.Layers, len(layers))],
			Marked: isMarkedBase(f.Image), Chosen: f.ID == chosen.ID,
		}
		for _, t := range tags {
			if t.Tag != "" {
				one.Tags = append(one.Tags, nameOf(t).FullTag())
			}
		}
		all = append(all, one)
	}
	slices.Reverse(all)
	return all, nil
}
