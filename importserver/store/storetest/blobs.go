package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
)

func blob(t *testing.T, s *store.Store, digest string, at time.Time) (b store.Blob) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		b, err = tx.TouchBlob(ctx, digest, 1, at)
		return err
	})
	return b
}

// part is a part of an image that has a blob.
func part(kind string, b store.Blob) store.Part {
	return store.Part{Kind: kind, Digest: b.Digest, Generation: b.Generation, Size: 1}
}

// giveUp gives up all blobs that were not touched since, as of then.
func giveUp(t *testing.T, s *store.Store, since time.Time) (n int) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		n, err = tx.GiveUpBlobs(ctx, since, since, 100)
		return err
	})
	return n
}

// given are the digests that are to be deleted.
func given(t *testing.T, s *store.Store) []string {
	t.Helper()
	all, err := s.View().BlobDeletions(t.Context(), store.Blob{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	digests := []string{}
	for _, b := range all {
		digests = append(digests, b.Digest)
	}
	return digests
}

func parts(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.SetParts(t.Context(), i.ID, []store.Part{{Kind: "manifest", Digest: "unknown"}})
	})
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("evidence refers to a blob that is not there: %v", err)
	}
	x, y, z := part("manifest", blob(t, s, "x", start)), part("packages", blob(t, s, "y", start)), part("packages", blob(t, s, "z", start))
	x.MediaType, y.Size = "m", 1<<40
	for _, want := range [][]store.Part{{x, y}, {z}} {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetParts(ctx, i.ID, want) })
		got, err := s.View().Parts(t.Context(), i.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, %s", err, diff)
		}
	}
}

func rubbish(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	image, operation := blob(t, s, "in an image", start), blob(t, s, "in an import", start)
	blob(t, s, "nowhere", start)
	blob(t, s, "fresh", start.Add(time.Hour))
	blob(t, s, "brought again", start)
	blob(t, s, "brought again", start.Add(time.Hour))
	blob(t, s, "brought again", start) // by a process whose clock is behind
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertOperation(ctx, store.Operation{ID: "o", Account: "a", Status: "pending"})
		_, err2 := tx.AddOperationPart(ctx, "o", part("k", operation))
		return errors.Join(err, err2, tx.SetParts(ctx, i.ID, []store.Part{part("k", image)}))
	})
	since := start.Add(time.Minute)
	if n := giveUp(t, s, since); n != 1 {
		t.Errorf("%d blobs given up, want 1", n)
	}
	if diff := cmp.Diff([]string{"nowhere"}, given(t, s)); diff != "" {
		t.Error(diff)
	}
	if n := giveUp(t, s, since); n != 0 {
		t.Errorf("%d more given up", n)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetParts(ctx, i.ID, nil) })
	if giveUp(t, s, since); len(given(t, s)) != 2 {
		t.Errorf("to be deleted: %q; what an image had is not among it", given(t, s))
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.BlobDeleted(ctx, image) })
	if diff := cmp.Diff([]string{"nowhere"}, given(t, s)); diff != "" {
		t.Error(diff)
	}
}

func generations(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	first := blob(t, s, "x", start)
	if again := blob(t, s, "x", start); again != first {
		t.Errorf("a blob that is there became %v, was %v", again, first)
	}
	giveUp(t, s, start.Add(time.Hour))
	second := blob(t, s, "x", start)
	if second.Generation == first.Generation || len(second.Generation) != 16 {
		t.Errorf("the generation after %q is %q", first.Generation, second.Generation)
	}
	err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetParts(t.Context(), i.ID, []store.Part{part("k", first)}) })
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("an image refers to a blob that was given up: %v", err)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertOperation(ctx, store.Operation{ID: "o", Account: "a", Status: "pending"})
	})
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddOperationPart(t.Context(), "o", part("k", first))
		return err
	})
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("an import refers to a blob that was given up: %v", err)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetParts(ctx, i.ID, []store.Part{part("k", second)})
	})
	all, err := s.View().BlobDeletions(t.Context(), store.Blob{}, 10)
	if diff := cmp.Diff([]store.Blob{first}, all); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

func holds(t *testing.T, s *store.Store) {
	blob(t, s, "x", start)
	hold := func(id string, until time.Time) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.HoldBlobs(ctx, id, until) })
	}
	release := func(id string) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.ReleaseBlobs(ctx, id, start.Add(time.Minute)) })
	}
	hold("one", start.Add(time.Minute))
	hold("one", start.Add(2*time.Hour))
	hold("two", start.Add(2*time.Hour))
	release("two")
	if n := giveUp(t, s, start.Add(time.Hour)); n != 0 {
		t.Errorf("%d blobs were given up under a hold", n)
	}
	release("one")
	hold("died", start.Add(time.Minute))
	if n := giveUp(t, s, start.Add(time.Hour)); n != 1 {
		t.Errorf("%d blobs were given up after all holds ended, want 1", n)
	}
}

func blobRows(t *testing.T, s *store.Store) {
	old := blob(t, s, "x", start)
	giveUp(t, s, start.Add(time.Hour))
	x, y := blob(t, s, "x", start), blob(t, s, "y", start)
	got, err := s.View().BlobRows(t.Context(), []store.Blob{old, x, y, {Digest: "z"}})
	if diff := cmp.Diff(map[store.Blob]bool{x: true, y: true}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

func installation(t *testing.T, s *store.Store) {
	var names []string
	for range 2 {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			name, err := tx.Installation(ctx)
			names = append(names, name)
			return err
		})
	}
	if names[0] == "" || names[0] != names[1] {
		t.Errorf("an installation is called %q", names)
	}
	if err := s.View().Stayed(t.Context()); err != nil {
		t.Error(err)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		if err := errors.Join(tx.Rename(ctx, "another"), tx.Leave(ctx, "over there")); err != nil {
			return err
		}
		names[0], err = tx.Installation(ctx)
		return err
	})
	if names[0] != "another" {
		t.Errorf("a renamed installation is called %q", names[0])
	}
	if err := s.View().Stayed(t.Context()); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "over there") || fault.Hint(err) == "" {
		t.Errorf("after it went: %v; hint %q", err, fault.Hint(err))
	}
}
