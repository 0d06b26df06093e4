package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// events go that are too old or too many, and no others.
func events(t *testing.T, s *store.Store) {
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		for n := range 5 {
			for _, account := range []string{"a", "b"} {
				e := store.Event{Account: account, At: start.Add(time.Duration(n) * time.Minute), Type: "t", ResourceID: fmt.Sprint(n)}
				if err := tx.PutEvent(ctx, e); err != nil {
					return err
				}
			}
		}
		if n, err := tx.DropEvents(ctx, start.Add(time.Minute)); n != 2 || err != nil {
			t.Errorf("%d were too old, %v", n, err)
		}
		if n, err := tx.KeepEvents(ctx, "b", 3); n != 1 || err != nil {
			t.Errorf("%d were too many, %v", n, err)
		}
		return nil
	})
	for account, want := range map[string]string{"a": "4 3 2 1 ", "b": "4 3 2 "} {
		all, err := s.View().Events(t.Context(), account, store.EventQuery{Limit: 10})
		got := ""
		for _, e := range all {
			got += e.ResourceID + " "
		}
		if got != want || err != nil {
			t.Errorf("left of %s are %s, %v", account, got, err)
		}
	}
	crowded, err := s.View().Crowded(t.Context(), 3)
	if len(crowded) != 1 || crowded[0] != "a" || err != nil {
		t.Errorf("more than three has %v, %v", crowded, err)
	}
}
