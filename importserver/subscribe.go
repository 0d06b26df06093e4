package importserver

import (
	"context"
	"crypto/md5"
	"encoding/hex"

	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// tagSubscriptions are the types of subscriptions that every tag comes with.
var tagSubscriptions = []string{wire.SubscribeAnalysis, wire.SubscribePolicy, wire.SubscribeTag, wire.SubscribeVuln}

// subscribe makes the subscriptions that come with the tags of an image that was
// added; auto activates those for updates of the tags. Those that are there
// already stay as their users made them.
func (a *Account) subscribe(ctx context.Context, tx *store.Tx, names []reference.Reference, auto bool) error {
	for _, n := range names {
		if n.Tag == "" {
			continue
		}
		for _, kind := range tagSubscriptions {
			s := a.newSubscription(n.FullTag(), kind)
			s.Active = kind == wire.SubscribeAnalysis || kind == wire.SubscribeTag && auto
			if _, err := tx.InsertSubscription(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// newSubscription is one that is not active yet.
func (a *Account) newSubscription(key, kind string) store.Subscription {
	now := a.server.now()
	return store.Subscription{
		Account: a.name, ID: subscriptionID(a.name, key, kind), Key: key, Type: kind, CreatedAt: now, UpdatedAt: now,
	}
}

// subscriptionID is the original's: it follows from what a subscription is of.
func subscriptionID(account, key, kind string) string {
	sum := md5.Sum([]byte(account + "+" + key + "+" + kind))
	return hex.EncodeToString(sum[:])
}

// subscribed tells whether there is an active subscription to a tag.
func (a *Account) subscribed(ctx context.Context, tx *store.Tx, t store.Tag) (bool, error) {
	all, err := tx.Subscriptions(ctx, a.name, nameOf(t).FullTag(), "")
	for _, s := range all {
		if s.Active {
			return true, err
		}
	}
	return false, err
}

// unsubscribe makes the subscriptions to a tag inactive.
func (a *Account) unsubscribe(ctx context.Context, tx *store.Tx, t store.Tag) error {
	return tx.DeactivateSubscriptions(ctx, a.name, nameOf(t).FullTag(), a.server.now())
}
