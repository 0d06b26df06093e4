package importserver

import (
	"context"

	"github.com/tidepole/tidepole/importserver/store"
)

// baseOf is the image that another is built on: the one of a digest, or with
// "auto" the nearest that is known; nil where there is none.
func (a *Account) baseOf(ctx context.Context, i store.Image, base string) (*store.Image, error) {
	return nil, nil
}
