package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// Accounts see, change and lose only what is their own.
func TestAccountsOwnTheirEventsSubscriptionsAndLogins(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, at := t.Context(), time.Unix(1_900_000_000, 0)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	in := func(do func(tx *store.Tx) error) { t.Helper(); must(s.InTx(ctx, do)) }
	for _, account := range []string{"one", "two"} {
		in(func(tx *store.Tx) error {
			must(tx.PutEvent(ctx, store.Event{Account: account, At: at, Type: "t", ResourceID: account}))
			if added, err := tx.InsertSubscription(ctx, store.Subscription{Account: account, ID: "same", Key: "k", Type: "t"}); !added || err != nil {
				t.Errorf("subscription of %s: %v", account, err)
			}
			if added, err := tx.InsertRegistry(ctx, store.Registry{Account: account, Registry: "r", User: account}); !added || err != nil {
				t.Errorf("registry of %s: %v", account, err)
			}
			return tx.PutTagCheck(ctx, store.TagCheck{Account: account, Tag: "t", Action: account})
		})
	}
	events, err := s.View().Events(ctx, "one", store.EventQuery{Limit: 10})
	if err != nil || len(events) != 1 || events[0].ResourceID != "one" {
		t.Fatalf("events of one: %+v, %v", events, err)
	}
	if _, err := s.View().Event(ctx, "two", events[0].ID); !errors.Is(err, store.ErrNone) {
		t.Errorf("another account's event: %v", err)
	}
	err = s.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteEvent(ctx, "two", events[0].ID) })
	if !errors.Is(err, store.ErrNone) {
		t.Errorf("another account's event was deleted: %v", err)
	}
	in(func(tx *store.Tx) error { return tx.ForgetAccount(ctx, "one") })
	view := s.View()
	for account, want := range map[string]int{"one": 0, "two": 1} {
		events, err := view.Events(ctx, account, store.EventQuery{Limit: 10})
		must(err)
		subscriptions, err := view.Subscriptions(ctx, account, "k", "")
		must(err)
		registries, err := view.Registries(ctx, account)
		must(err)
		if len(events) != want || len(subscriptions) != want || len(registries) != want {
			t.Errorf("left of %s: %d events, %d subscriptions, %d registries", account, len(events), len(subscriptions), len(registries))
		}
		check, err := view.TagCheck(ctx, account, "t")
		if (want == 0) != errors.Is(err, store.ErrNone) || want == 1 && check.Action != account {
			t.Errorf("left of %s's tag: %+v, %v", account, check, err)
		}
	}
}
