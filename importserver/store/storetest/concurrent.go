package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

const writers = 8 // at once

// together has each of the writers do something in transactions of its own.
func together(t *testing.T, s *store.Store, do func(ctx context.Context, tx *store.Tx, n int) error) {
	t.Helper()
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx, n) }); err != nil {
				t.Errorf("writer %d: %v", n, err)
			}
		})
	}
	all.Wait()
}

func changesAtOnce(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		now, err := tx.ImageByID(ctx, i.ID)
		if err != nil {
			return err
		}
		now.Annotations[fmt.Sprint("writer ", n)] = "was here"
		return tx.UpdateImage(ctx, now)
	})
	got, err := s.View().ImageByID(t.Context(), i.ID)
	if err != nil || len(got.Annotations) != len(i.Annotations)+writers {
		t.Errorf("what %d writers added to an image: %v, %v", writers, got.Annotations, err)
	}
}

func shownAtOnce(t *testing.T, s *store.Store) {
	err := s.Rendering(t.Context(), "1", func(_ store.Image, tags []store.Tag, _ []store.Transition) (store.Rendered, error) {
		time.Sleep(time.Millisecond) // for the others to get in between
		return store.Rendered{Record: fmt.Append(nil, len(tags)), Reference: []byte("{}"), Tags: make([][]byte, len(tags))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	i := put(t, s, "one")
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		return tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "p", Tag: fmt.Sprint(n), CreatedAt: start})
	})
	err = s.View().Records(t.Context(), "a", store.RecordQuery{}, func(body []byte) error {
		if string(body) != fmt.Sprint(writers) {
			t.Errorf("%s tags are shown, want %d", body, writers)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func addsAtOnce(t *testing.T, s *store.Store) {
	var added atomic.Int32
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		_, err := tx.Image(ctx, "a", "one")
		if !errors.Is(err, store.ErrNone) {
			return err
		}
		i := store.Image{Account: "a", Digest: "one", Status: wire.NotAnalyzed, Reason: fmt.Sprint(n), CreatedAt: start}
		if err := tx.InsertImage(ctx, &i); err != nil {
			return err
		}
		added.Add(1)
		return nil
	})
	if n := added.Load(); n != 1 {
		t.Errorf("%d writers added the same image", n)
	}
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		return tx.InsertImage(ctx, &store.Image{Account: "a", Digest: fmt.Sprint(n), Status: wire.NotAnalyzed, CreatedAt: start})
	})
	all, err := s.View().Images(t.Context(), "a", store.Query{})
	if err != nil || len(all) != writers+1 {
		t.Errorf("%d images, %v", len(all), err)
	}
}

func policiesAtOnce(t *testing.T, s *store.Store) {
	var first atomic.Int32
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		_, err := tx.Policy(ctx, "a", "p")
		if !errors.Is(err, store.ErrNone) {
			return err
		}
		first.Add(1)
		time.Sleep(time.Millisecond) // for the others to get in between
		return tx.PutPolicy(ctx, store.Policy{Account: "a", Policy: policy.Policy{ID: "p", Name: fmt.Sprint(n)}, CreatedAt: start, UpdatedAt: start})
	})
	if n := first.Load(); n != 1 {
		t.Errorf("%d writers found no policy and added one", n)
	}
}

func limitsAtOnce(t *testing.T, s *store.Store) {
	const most = 3
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		open, err := tx.OpenOperations(ctx, "a", wire.OperationPending, start)
		if err != nil || open >= most {
			return err
		}
		time.Sleep(time.Millisecond) // for the others to get in between
		return tx.InsertOperation(ctx, store.Operation{
			ID: fmt.Sprint(n), Account: "a", Status: wire.OperationPending, CreatedAt: start, UpdatedAt: start, ExpiresAt: start.Add(time.Hour),
		})
	})
	if n, err := s.View().OpenOperations(t.Context(), "a", wire.OperationPending, start); err != nil || n != most {
		t.Errorf("%d operations are open where %d may be, %v", n, most, err)
	}
}

func packagesAtOnce(t *testing.T, s *store.Store) {
	var images [writers]store.Image
	for n := range images {
		images[n] = put(t, s, fmt.Sprint(n))
	}
	var all []store.Package
	for n := range 50 {
		all = append(all, store.Package{Type: "deb", Name: fmt.Sprint("p", n), Version: "1"})
	}
	var dropping sync.WaitGroup
	dropping.Go(func() {
		if _, err := s.DropUnused(t.Context()); err != nil {
			t.Errorf("drop unused packages: %v", err)
		}
	})
	together(t, s, func(ctx context.Context, tx *store.Tx, n int) error {
		mine := slices.Clone(all)
		if n%2 == 1 {
			slices.Reverse(mine)
		}
		return tx.SetPackages(ctx, images[n].ID, mine)
	})
	dropping.Wait()
	for n := range writers {
		if ids, err := s.View().PackageIDs(t.Context(), images[n].ID); err != nil || len(ids) != len(all) {
			t.Errorf("image %d has %d packages, %v", n, len(ids), err)
		}
	}
}

// strangeText is what strangers' names can have, and not every database's texts.
func strangeText(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		err := tx.SetPackages(ctx, i.ID, []store.Package{{Type: "deb", Name: "zero \x00 byte", Version: "not \xff UTF-8"}})
		if err != nil {
			return err
		}
		return tx.SetReason(ctx, i.ID, "zero \x00 byte, \xff")
	})
	if types, err := s.View().PackageTypes(t.Context(), i.ID); err != nil || len(types) != 1 {
		t.Errorf("%v, %v", types, err)
	}
	if _, err := s.View().Image(t.Context(), "a\x00", "\xff"); !errors.Is(err, store.ErrNone) {
		t.Errorf("asked for what cannot be: %v", err)
	}
}
