package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// BenchmarkImportsAtOnce is what an import writes, by eight at once, of images that
// share their account and some of their blobs, as most do.
//
//	go test ./importserver/store -run - -bench ImportsAtOnce
func BenchmarkImportsAtOnce(b *testing.B) {
	for name, url := range map[string]func(*testing.B) string{
		"SQLite":     func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "x.db") },
		"PostgreSQL": func(b *testing.B) string { return schema(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s := openURL(b, url(b))
			now := time.Now()
			var parts []store.Part
			err := s.InTx(b.Context(), func(tx *store.Tx) error {
				if _, err := tx.InsertAccount(b.Context(), store.Account{Name: "a", CreatedAt: now}); err != nil {
					return err
				}
				for n := range 3 {
					k, err := tx.TouchBlob(b.Context(), fmt.Sprint("shared ", n), 1, now)
					if err != nil {
						return err
					}
					parts = append(parts, store.Part{Kind: fmt.Sprint(n), Digest: k.Digest, Generation: k.Generation, Size: 1})
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			var number atomic.Int64
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					digest := fmt.Sprint(number.Add(1))
					if err := s.InTx(b.Context(), func(tx *store.Tx) error { return importOne(b.Context(), tx, digest, parts, now) }); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func importOne(ctx context.Context, tx *store.Tx, digest string, parts []store.Part, now time.Time) error {
	if _, err := tx.Within(ctx, "a"); err != nil {
		return err
	}
	if _, err := tx.Image(ctx, "a", digest); !errors.Is(err, store.ErrNone) {
		return fmt.Errorf("%s is there: %w", digest, err)
	}
	i := store.Image{Account: "a", Digest: digest, Status: "not_analyzed", CreatedAt: now}
	if err := tx.InsertImage(ctx, &i); err != nil {
		return err
	}
	own, err := tx.TouchBlob(ctx, digest, 1, now)
	if err != nil {
		return err
	}
	all := append([]store.Part{{Kind: "own", Digest: digest, Generation: own.Generation, Size: 1}}, parts...)
	return errors.Join(
		tx.SetParts(ctx, i.ID, all),
		tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "p", Tag: digest, CreatedAt: now}),
		tx.Record(ctx, store.Transition{Image: i.ID, At: now, To: "not_analyzed"}),
		tx.PutEvent(ctx, store.Event{Account: "a", At: now, Type: "x"}),
		tx.PutWork(ctx, store.Work{Image: i.ID, Account: "a", Stage: "assess", CreatedAt: now}),
	)
}
