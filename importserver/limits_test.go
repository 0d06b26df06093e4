package importserver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/store"
)

// What lists have in memory is bounded for each account: where it has as much as it may,
// there is no more, though what is there can be changed, and another account has room.

func TestPoliciesAreBounded(t *testing.T) {
	s := open(t, &engine{}, options(t.TempDir()))
	ctx, admin := t.Context(), s.Account(importserver.Admin)
	importserver.InRows(t, s, func(ctx context.Context, tx *store.Tx) error {
		for n := range 998 { // with the default one and the next, 1,000
			if err := tx.PutPolicy(ctx, store.Policy{Account: importserver.Admin, Policy: testPolicy(fmt.Sprint("p", n))}); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := admin.AddPolicy(ctx, testPolicy("last")); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AddPolicy(ctx, testPolicy("more")); fault.Of(err) != fault.Invalid {
		t.Errorf("one more: %v", err)
	}
	long := testPolicy("last")
	long.Description = strings.Repeat("x", 20<<20)
	if _, err := admin.UpdatePolicy(ctx, "last", long); err != nil {
		t.Errorf("a longer one: %v", err)
	}
	other := testPolicy("p1")
	other.Description = strings.Repeat("x", 14<<20)
	if _, err := admin.UpdatePolicy(ctx, "p1", other); fault.Of(err) != fault.TooLarge {
		t.Errorf("more than all may have together: %v", err)
	}
	long.Description = "short"
	if _, err := admin.UpdatePolicy(ctx, "last", long); err != nil {
		t.Errorf("a shorter one: %v", err)
	}
	if _, err := admin.UpdatePolicy(ctx, "p1", other); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	heads, err := admin.Policies(ctx, false)
	if err != nil || len(heads) != 1000 || heads[0].Policy != nil || heads[0].ID == "" || heads[0].Name == "" || heads[0].CreatedAt.IsZero() && heads[999].CreatedAt.IsZero() {
		t.Errorf("%d policies, %v", len(heads), err)
	}
	for _, h := range heads {
		if h.ID == "last" && h.Description != "short" {
			t.Errorf("description: %.100q", h.Description)
		}
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	e := &engine{tags: func(string, *importserver.Login) ([]string, error) {
		all := make([]string, 100_000)
		for n := range all {
			all[n] = fmt.Sprintf("release-%08d", n)
		}
		return all, nil
	}}
	s := open(t, e, options(t.TempDir()))
	ctx, admin := t.Context(), s.Account(importserver.Admin)
	fill := func(from, n int, value *string, asked bool) {
		t.Helper()
		importserver.InRows(t, s, func(ctx context.Context, tx *store.Tx) error {
			for n := range n {
				id := fmt.Sprint("s", from+n)
				if _, err := tx.InsertSubscription(ctx, store.Subscription{Account: importserver.Admin, ID: id, Key: id, Type: wire.SubscribeAlerts, Value: value, Asked: asked}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	fill(0, 12_000, nil, false) // as they come with tags
	value := strings.Repeat("x", 32<<10)
	fill(20_000, 1023, &value, true)
	add := func(key string, value *string) (wire.Subscription, error) {
		return admin.AddSubscription(ctx, wire.SubscriptionRequest{Key: key, Type: wire.SubscribeAlerts, Value: value})
	}
	if _, err := add("long", &value); err != nil {
		t.Fatal(err)
	}
	if _, err := add("longer", &value); fault.Of(err) != fault.TooLarge {
		t.Errorf("more than all values may have together: %v", err)
	}
	if _, err := admin.UpdateSubscription(ctx, "s0", wire.SubscriptionUpdate{Value: &value}); fault.Of(err) != fault.TooLarge {
		t.Errorf("a value for one that came with a tag: %v", err)
	}
	if _, err := admin.AddRepository(ctx, "registry.example/many", wire.RepositoryOptions{ExcludeTags: true}); fault.Of(err) != fault.TooLarge {
		t.Errorf("a repository of very many tags: %v", err)
	}
	short := ""
	if _, err := admin.UpdateSubscription(ctx, "s20000", wire.SubscriptionUpdate{Value: &short}); err != nil {
		t.Errorf("a shorter value: %v", err)
	}
	fill(30_000, 8976, nil, true)
	if _, err := add("one more", nil); fault.Of(err) != fault.Invalid {
		t.Errorf("one more: %v", err)
	}
	if _, err := admin.AddRepository(ctx, "registry.example/few", wire.RepositoryOptions{}); fault.Of(err) != fault.Invalid {
		t.Errorf("a repository more: %v", err)
	}
	if err := admin.DeleteSubscription(ctx, "s30000"); err != nil {
		t.Fatal(err)
	}
	if _, err := add("one more", nil); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}

func TestUsersAreBounded(t *testing.T) {
	s := open(t, &engine{}, options(t.TempDir()))
	ctx, admin := t.Context(), s.Account(importserver.Admin)
	importserver.InRows(t, s, func(ctx context.Context, tx *store.Tx) error {
		for n := range 9999 { // and admin
			if _, err := tx.InsertUser(ctx, store.User{Name: fmt.Sprint("user-", n), Account: importserver.Admin}); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := admin.AddUser(ctx, wire.UserRequest{Username: "more", Password: "a password"}); fault.Of(err) != fault.Invalid {
		t.Errorf("one more: %v", err)
	}
	if err := admin.DeleteUser(ctx, "user-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AddUser(ctx, wire.UserRequest{Username: "more", Password: "a password"}); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}
