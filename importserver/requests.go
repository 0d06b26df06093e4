package importserver

import (
	"context"
	"errors"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Cancel ends what is queued or under way for an image, which has failed then. Where
// nothing is, nothing changes.
func (a *Account) Cancel(ctx context.Context, digest string) (wire.Image, error) {
	return a.request(ctx, digest, func(tx *store.Tx, i store.Image) (bool, error) {
		return a.server.queue.Cancel(ctx, tx, i, a.user())
	})
}

// Retry takes up an image again that failed, and at once one that waits for its next
// attempt. Where the image is analysed, or about to be, nothing changes.
func (a *Account) Retry(ctx context.Context, digest string) (wire.Image, error) {
	return a.request(ctx, digest, func(tx *store.Tx, i store.Image) (bool, error) {
		return a.server.queue.Retry(ctx, tx, i, a.user())
	})
}

// request changes the work on an image.
func (a *Account) request(ctx context.Context, digest string, change func(*store.Tx, store.Image) (bool, error)) (wire.Image, error) {
	if _, err := a.image(ctx, digest); err != nil {
		return wire.Image{}, err
	}
	changed := false
	err := a.inTx(ctx, func(tx *store.Tx) error {
		i, err := tx.Image(ctx, a.name, digest)
		if errors.Is(err, store.ErrNone) {
			return noImage(digest)
		}
		if err == nil {
			changed, err = change(tx, i)
		}
		return err
	})
	if err != nil {
		return wire.Image{}, err
	}
	if changed {
		a.server.queue.Recheck()
		a.server.queue.Announce()
	}
	return a.Image(ctx, digest)
}
