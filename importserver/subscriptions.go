package importserver

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// subscriptionTypes are those that there are.
var subscriptionTypes = slices.Concat(tagSubscriptions, []string{wire.SubscribeRepo, wire.SubscribeRuntime, wire.SubscribeAlerts})

// Bounds of subscriptions: a list of them is whole in memory. Those that come with tags
// are as many as the tags.
const (
	maxSubscriptionValue = 32 << 10 // bytes that a client may keep with one
	maxWatchedTags       = 1 << 20  // bytes of what one to a repository keeps
	maxSubscriptions     = 10_000   // that were asked for, of an account
	maxSubscriptionBytes = 32 << 20 // of all values of these together
)

// Subscriptions are the account's subscriptions of a key and a type; "" is any.
func (a *Account) Subscriptions(ctx context.Context, key, kind string) ([]wire.Subscription, error) {
	rows, err := a.server.store.View().Subscriptions(ctx, a.name, key, kind)
	list := []wire.Subscription{}
	for _, s := range rows {
		list = append(list, subscriptionOf(s))
	}
	return list, err
}

// Subscription is one of the account's subscriptions.
func (a *Account) Subscription(ctx context.Context, id string) (wire.Subscription, error) {
	s, err := a.subscription(ctx, a.server.store.View(), id)
	return subscriptionOf(s), err
}

func (a *Account) subscription(ctx context.Context, tx *store.Tx, id string) (store.Subscription, error) {
	s, err := tx.Subscription(ctx, a.name, id)
	if errors.Is(err, store.ErrNone) {
		err = noSubscription(id)
	}
	return s, err
}

func noSubscription(id string) error {
	return fault.New(fault.NotFound, "subscription not found in DB").WithDetail("subscription_id", cut(id, 100))
}

// AddSubscription adds a subscription. One that is there is left as it is, and
// refused.
func (a *Account) AddSubscription(ctx context.Context, r wire.SubscriptionRequest) (wire.Subscription, error) {
	if !slices.Contains(subscriptionTypes, r.Type) {
		return wire.Subscription{}, fault.New(fault.Invalid, "add subscription: there is no type %.100q; have %s", r.Type, strings.Join(subscriptionTypes, ", "))
	}
	key, err := subscriptionKey(r.Key, r.Type)
	if err == nil {
		err = checkValue(r.Value)
	}
	if err != nil {
		return wire.Subscription{}, err
	}
	s := a.newSubscription(key, r.Type)
	s.Value, s.Active, s.Asked = r.Value, r.Active, true
	err = a.inTx(ctx, func(tx *store.Tx) error {
		added, err := tx.InsertSubscription(ctx, s)
		if err == nil && !added {
			err = fault.New(fault.Invalid, "subscription already exists").WithDetail("subscription_id", s.ID).
				WithHint("change it by its id")
		}
		if err != nil {
			return err
		}
		return a.subscribesEnough(ctx, tx)
	})
	return subscriptionOf(s), err
}

// subscriptionKey is a key in the one way that it is kept.
func subscriptionKey(key, kind string) (string, error) {
	if key == "" || len(key) > reference.MaxLength {
		return "", fault.New(fault.Invalid, "add subscription: its key must have 1 to %d bytes", reference.MaxLength)
	}
	switch {
	case kind == wire.SubscribeRepo:
		return repositoryName(key)
	case !slices.Contains(tagSubscriptions, kind):
		return key, nil
	}
	r, err := reference.Parse(key)
	if err == nil && r.Digest != "" {
		err = fault.New(fault.Invalid, "add subscription: %.200q is not a tag", key)
	}
	return r.FullTag(), err
}

// repositoryName is "registry/repository".
func repositoryName(text string) (string, error) {
	r, err := reference.Parse(text)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(strings.TrimPrefix(text, r.Registry+"/"), ":@") {
		return "", fault.New(fault.Invalid, "%.200q is not a repository", text).WithHint("write it as registry/repository, without a tag")
	}
	return r.Name(), nil
}

func checkValue(v *string) error {
	if v != nil && len(*v) > maxSubscriptionValue {
		return fault.New(fault.Invalid, "a subscription's value is longer than %d bytes", maxSubscriptionValue)
	}
	return nil
}

// subscribesEnough refuses what was written if the account asks for too much now.
func (a *Account) subscribesEnough(ctx context.Context, tx *store.Tx) error {
	n, size, err := tx.AskedSubscriptions(ctx, a.name)
	switch {
	case err != nil:
		return err
	case n > maxSubscriptions:
		return fault.New(fault.Invalid, "subscribe: the account has asked for %d subscriptions, and may not ask for more", n-1).
			WithHint("delete those that are not needed any more")
	case size > maxSubscriptionBytes:
		return fault.New(fault.TooLarge, "subscribe: the values of the account's subscriptions would have %d bytes together, more than %d", size, maxSubscriptionBytes).
			WithHint("delete those that are not needed any more")
	}
	return nil
}

// UpdateSubscription changes a subscription's value, or whether it is active.
func (a *Account) UpdateSubscription(ctx context.Context, id string, u wire.SubscriptionUpdate) (wire.Subscription, error) {
	var s store.Subscription
	if err := checkValue(u.Value); err != nil {
		return wire.Subscription{}, err
	}
	err := a.inTx(ctx, func(tx *store.Tx) error {
		var err error
		if s, err = a.subscription(ctx, tx, id); err != nil {
			return err
		}
		more := u.Value != nil && (s.Value == nil || len(*u.Value) > len(*s.Value))
		if u.Value != nil {
			s.Value, s.Asked = u.Value, true
		}
		if u.Active != nil {
			s.Active = *u.Active
		}
		s.UpdatedAt = a.server.now()
		if err := tx.UpdateSubscription(ctx, s); err != nil || !more {
			return err
		}
		return a.subscribesEnough(ctx, tx)
	})
	return subscriptionOf(s), err
}

// DeleteSubscription deletes a subscription.
func (a *Account) DeleteSubscription(ctx context.Context, id string) error {
	err := a.inTx(ctx, func(tx *store.Tx) error { return tx.DeleteSubscription(ctx, a.name, id) })
	if errors.Is(err, store.ErrNone) {
		return noSubscription(id)
	}
	return err
}

func subscriptionOf(s store.Subscription) wire.Subscription {
	return wire.Subscription{
		Key: s.Key, Type: s.Type, Value: s.Value, AccountName: s.Account, Active: s.Active, ID: s.ID,
		CreatedAt: s.CreatedAt, LastUpdated: s.UpdatedAt,
	}
}
