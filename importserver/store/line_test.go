package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// long has a line of so many items, of two accounts.
func long(t testing.TB, s *store.Store, items int) {
	t.Helper()
	now := time.Now()
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		for n := range items {
			account := []string{"a", "b"}[n%2]
			i := store.Image{Account: account, Digest: fmt.Sprint(n), Status: wire.NotAnalyzed, CreatedAt: now}
			if err := tx.InsertImage(t.Context(), &i); err != nil {
				return err
			}
			w := store.Work{Image: i.ID, Account: account, Stage: "assess", Priority: n % 3 / 2 * 10, Turn: int64(n), NotBefore: now, CreatedAt: now, Delayed: n%5 == 0}
			if w.Delayed {
				w.NotBefore = now.Add(time.Hour)
			}
			if err := tx.PutWork(t.Context(), w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// TestALongLineIsNotLookedThrough sees to it that what a claim costs does not grow
// with the line: the databases go to where an index begins, and sort nothing.
func TestALongLineIsNotLookedThrough(t *testing.T) {
	check := func(t *testing.T, s *store.Store, explain string, looks, sorts string) {
		long(t, s, 5000)
		plans, err := s.LinePlans(t.Context(), explain)
		if err != nil {
			t.Fatal(err)
		}
		for what, plan := range plans {
			if strings.Contains(plan, looks) || strings.Contains(plan, sorts) {
				t.Errorf("%s looks through the line:\n%s", what, plan)
			}
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		check(t, openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db")), "EXPLAIN QUERY PLAN ", "SCAN w", "FOR ORDER BY")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		check(t, openURL(t, schema(t)), "EXPLAIN ", "Seq Scan on work", "Sort")
	})
}

// BenchmarkClaim claims from a line, gives the item up again, and puts another in.
func BenchmarkClaim(b *testing.B) {
	for _, items := range []int{100, 100_000} {
		for name, url := range map[string]func(testing.TB) string{
			"SQLite":     func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "x.db") },
			"PostgreSQL": schema,
		} {
			b.Run(fmt.Sprintf("%s/%d", name, items), func(b *testing.B) {
				s := openURL(b, url(b))
				long(b, s, items)
				for b.Loop() {
					err := s.InTx(b.Context(), func(tx *store.Tx) error { return claimAndReturn(b.Context(), tx) })
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func claimAndReturn(ctx context.Context, tx *store.Tx) error {
	now := time.Now()
	w, err := tx.ClaimWork(ctx, "token", "worker", now, now.Add(time.Minute), 0)
	if err != nil {
		return err
	}
	turn, err := tx.Join(ctx, w.Account, w.Priority)
	w.Turn = turn
	return errors.Join(err, tx.PutWork(ctx, w))
}
