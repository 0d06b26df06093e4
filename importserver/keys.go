package importserver

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/store"
)

// Bounds of a user's keys.
const (
	maxKeys        = 100
	maxKeyName     = 128  // bytes
	maxDescription = 1000 // bytes
	keyTime        = "2006-01-02T15:04:05Z"
)

func (s *Server) keyOf(k store.Key) wire.APIKey {
	out := wire.APIKey{
		Name: k.Name, Description: k.Description, ExpiresAt: k.ExpiresAt.UTC().Format(keyTime),
		CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, Status: "active",
	}
	switch {
	case k.Revoked:
		out.Status = "revoked"
	case !k.ExpiresAt.After(s.now()):
		out.Status = "expired"
	}
	return out
}

// Keys are the API keys of a user of the account, without their values.
func (a *Account) Keys(ctx context.Context, user string) (wire.APIKeyList, error) {
	list := wire.APIKeyList{Items: []wire.APIKey{}}
	if _, err := a.userRow(ctx, user); err != nil {
		return list, err
	}
	rows, err := a.server.store.View().Keys(ctx, user)
	for _, k := range rows {
		list.Items = append(list.Items, a.server.keyOf(k))
	}
	return list, err
}

// Key is an API key of a user of the account, without its value.
func (a *Account) Key(ctx context.Context, user, name string) (wire.APIKey, error) {
	k, err := a.key(ctx, user, name)
	if err != nil {
		return wire.APIKey{}, err
	}
	return a.server.keyOf(k), nil
}

func (a *Account) key(ctx context.Context, user, name string) (store.Key, error) {
	if _, err := a.userRow(ctx, user); err != nil {
		return store.Key{}, err
	}
	all, err := a.server.store.View().Keys(ctx, user)
	for _, k := range all {
		if k.Name == name {
			return k, nil
		}
	}
	if err == nil {
		err = store.ErrNone
	}
	return store.Key{}, noKey(err, name)
}

func noKey(err error, name string) error {
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.NotFound, "there is no API key %.128q", name)
	}
	return err
}

// AddKey makes an API key for a user of the account. Its value is in this answer,
// and never again in any.
func (a *Account) AddKey(ctx context.Context, user string, r wire.APIKey) (wire.APIKey, error) {
	if _, err := a.userRow(ctx, user); err != nil {
		return wire.APIKey{}, err
	}
	now := a.server.now()
	expires, err := time.Parse(time.RFC3339, r.ExpiresAt)
	if err != nil || !expires.After(now) {
		return wire.APIKey{}, fault.New(fault.Invalid, "add API key: it must expire at a time to come, not at %.50q", r.ExpiresAt)
	}
	value, id, digest := access.NewKey()
	k := store.Key{ID: id, User: user, Name: r.Name, Description: r.Description, Digest: digest, ExpiresAt: expires, CreatedAt: now, UpdatedAt: now}
	if err := checkKey(k); err != nil {
		return wire.APIKey{}, err
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if err := a.owns(ctx, tx, user); err != nil {
			return err
		}
		all, err := tx.Keys(ctx, user)
		if err == nil && len(all) >= maxKeys {
			err = fault.New(fault.Invalid, "add API key: %s has %d, which is the most", user, maxKeys).WithHint("delete those that are not used any more")
		}
		if err != nil {
			return err
		}
		added, err := tx.InsertKey(ctx, k)
		if err == nil && !added {
			err = takenKey(user, k.Name)
		}
		return err
	})
	if err != nil {
		return wire.APIKey{}, err
	}
	out := a.server.keyOf(k)
	out.Value = value
	return out, nil
}

func takenKey(user, name string) error {
	return fault.New(fault.Invalid, "%s has an API key %.128q already", user, name)
}

func checkKey(k store.Key) error {
	switch {
	case k.Name == "" || len(k.Name) > maxKeyName || !utf8.ValidString(k.Name):
		return fault.New(fault.Invalid, "the name of an API key has 1 to %d bytes", maxKeyName)
	case len(k.Description) > maxDescription:
		return fault.New(fault.Invalid, "the description of an API key is longer than %d bytes", maxDescription)
	}
	return nil
}

// ChangeKey changes a key's name or description, or revokes it for good.
func (a *Account) ChangeKey(ctx context.Context, user, name string, c wire.APIKeyChange) (wire.APIKey, error) {
	k, err := a.key(ctx, user, name)
	if err != nil {
		return wire.APIKey{}, err
	}
	if c.Name != nil {
		k.Name = *c.Name
	}
	if c.Description != nil {
		k.Description = *c.Description
	}
	k.Revoked = k.Revoked || c.Status != nil && *c.Status == "revoked"
	k.UpdatedAt = a.server.now()
	if err := checkKey(k); err != nil {
		return wire.APIKey{}, err
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.KeyByID(ctx, k.ID); err != nil { // it was deleted meanwhile
			return noKey(err, name)
		}
		changed, err := tx.UpdateKey(ctx, k)
		if err == nil && !changed {
			err = takenKey(user, k.Name)
		}
		return err
	})
	return a.server.keyOf(k), err
}

// DeleteKey deletes an API key of a user of the account.
func (a *Account) DeleteKey(ctx context.Context, user, name string) error {
	k, err := a.key(ctx, user, name)
	if err != nil {
		return err
	}
	return a.inTx(ctx, func(tx *store.Tx) error { return ignoreNone(tx.DeleteKey(ctx, k.ID)) })
}
