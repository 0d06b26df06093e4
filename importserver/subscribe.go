package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/importserver/store"
)

// subscribe makes the subscriptions that come with the tags of an image that was
// added; auto activates those for updates of the tags.
func (a *Account) subscribe(ctx context.Context, tx *store.Tx, names []reference.Reference, auto bool) error {
	return nil
}

// subscribed tells whether there is an active subscription to a tag.
func (a *Account) subscribed(ctx context.Context, tx *store.Tx, t store.Tag) (bool, error) {
	return false, nil
}

// unsubscribe makes the subscriptions to a tag inactive.
func (a *Account) unsubscribe(ctx context.Context, tx *store.Tx, t store.Tag) error { return nil }
