package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/importserver/store"
)

func TestRecordsFollowTheirImages(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	add := func(n int) store.Image {
		i := store.Image{Account: "a", Digest: fmt.Sprintf("d%d", n), Status: "waits", CreatedAt: begin.Add(time.Duration(n/3) * time.Second)}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) }); err != nil {
			t.Fatal(err)
		}
		return i
	}
	add(0) // from before anything was rendered
	err = s.Rendering(t.Context(), func(i store.Image, tags []store.Tag, steps []store.Transition) (store.Rendered, error) {
		return store.Rendered{Record: fmt.Appendf(nil, "%s %s %d %d %s", i.Digest, i.Status, len(tags), len(steps), i.Reason), Tags: make([][]byte, len(tags))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(account string, q store.RecordQuery) (all []string) {
		t.Helper()
		if err := s.View().Records(t.Context(), account, q, func(body []byte) error { all = append(all, string(body)); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	one := add(1)
	change := func(do func(context.Context, *store.Tx) error) {
		t.Helper()
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		want string
		do   func(context.Context, *store.Tx) error
	}{
		{"d1 waits 1 0 ", func(ctx context.Context, tx *store.Tx) error {
			return tx.PutTag(ctx, store.Tag{Image: one.ID, Account: "a", Tag: "t"})
		}},
		{"d1 waits 1 0 why", func(ctx context.Context, tx *store.Tx) error { return tx.SetReason(ctx, one.ID, "why") }},
		{"d1 runs 1 1 ", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Move(ctx, store.Transition{Image: one.ID, From: "waits", To: "runs", At: begin})
			return err
		}},
		{"d1 runs 1 1 ", func(ctx context.Context, tx *store.Tx) error {
			return tx.MarkAnalyzed(ctx, one.ID, begin, store.Facts{})
		}},
	} {
		change(step.do)
		if diff := cmp.Diff([]string{step.want, "d0 waits 0 0 "}, list("a", store.RecordQuery{})); diff != "" {
			t.Error(diff)
		}
	}
	for name, test := range map[string]struct {
		q    store.RecordQuery
		want int
	}{
		"of a status": {store.RecordQuery{Status: "runs"}, 1}, "of another": {store.RecordQuery{Status: "x"}, 0},
		"analysed since": {store.RecordQuery{AnalyzedSince: begin}, 1}, "analysed later": {store.RecordQuery{AnalyzedSince: begin.Add(time.Second)}, 0},
	} {
		if got := list("a", test.q); len(got) != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := list("b", store.RecordQuery{}); len(got) != 0 {
		t.Errorf("another account: %v", got)
	}
	change(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteImage(ctx, one.ID) })
	if got := list("a", store.RecordQuery{}); len(got) != 1 {
		t.Errorf("after one was deleted: %v", got)
	}
	const many = 2500 // more than a statement reads
	change(func(ctx context.Context, tx *store.Tx) error {
		for n := range many {
			i := store.Image{Account: "c", Digest: fmt.Sprintf("d%d", n), CreatedAt: begin.Add(time.Duration(n/3) * time.Second)}
			if err := tx.InsertImage(ctx, &i); err != nil {
				return err
			}
		}
		return nil
	})
	all := list("c", store.RecordQuery{})
	if len(all) != many {
		t.Fatalf("%d of %d", len(all), many)
	}
	for n, text := range all {
		if want := fmt.Sprintf("d%d  0 0 ", many-1-n); text != want {
			t.Fatalf("at %d: %q, want %q", n, text, want)
		}
	}
}
