package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/importserver/store"
)

// All images are rendered anew where the rendering is another one, and only then.
func TestRecordsFollowTheRendering(t *testing.T) {
	name := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	for n, step := range []struct {
		version, text string
		rendered      int
		want          []string
	}{
		{"1", "one", 0, nil},
		{"1", "one again", 0, []string{"one", "one"}},
		{"2", "two", 1202, []string{"two", "two"}},
		{"2", "two again", 0, []string{"two", "two"}},
	} {
		s, err := store.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		rendered := 0
		err = s.Rendering(t.Context(), step.version, func(store.Image, []store.Tag, []store.Transition) (store.Rendered, error) {
			rendered++
			return store.Rendered{Record: []byte(step.text), Reference: []byte(step.text)}, nil
		})
		if err != nil || rendered != step.rendered {
			t.Errorf("step %d: rendered %d, %v; want %d", n, rendered, err, step.rendered)
		}
		if n == 0 { // more than one transaction renders
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				for k := range 1202 {
					if err := tx.InsertImage(t.Context(), &store.Image{Account: []string{"a", "b"}[min(k/2, 1)], Digest: fmt.Sprint(k)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		if err := s.View().Records(t.Context(), "a", store.RecordQuery{}, func(records []byte) error {
			got = append(got, strings.Split(string(records), store.Separator)...)
			return nil
		}); err != nil {
			t.Error(err)
		}
		if n > 0 {
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("step %d: %s", n, diff)
			}
		}
		s.Close()
	}
}

// What lists show of a tag is written with the tag, and not with every change of an
// image that has thousands.
func TestTagsAreRenderedOnce(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	renderings := 0
	render := func(i store.Image, tags []store.Tag, _ []store.Transition) (store.Rendered, error) {
		renderings++
		r := store.Rendered{Summary: fmt.Appendf(nil, "%s since %d", i.Status, renderings)}
		for _, g := range tags {
			r.Tags = append(r.Tags, fmt.Appendf(nil, ", %s since %d", g.Tag, renderings))
		}
		return r, nil
	}
	if err := s.Rendering(t.Context(), "1", render); err != nil {
		t.Fatal(err)
	}
	i := store.Image{Account: "a", Digest: "d", Status: "waits"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tag := func(name string) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			at = at.Add(time.Second)
			return tx.PutTag(t.Context(), store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "x", Tag: name, CreatedAt: at})
		}
	}
	for _, step := range []struct {
		do   func(*store.Tx) error
		want []string
	}{
		{func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) }, nil},
		{tag("one"), []string{"waits since 2, one since 2"}},
		{tag("two"), []string{"waits since 3, two since 3", "waits since 3, one since 2"}},
		{func(tx *store.Tx) error {
			_, err := tx.Move(t.Context(), store.Transition{Image: i.ID, From: "waits", To: "runs", At: at})
			return err
		}, []string{"runs since 4, two since 3", "runs since 4, one since 2"}},
		{tag("one"), []string{"runs since 5, one since 5", "runs since 5, two since 3"}},
	} {
		if err := s.InTx(t.Context(), step.do); err != nil {
			t.Fatal(err)
		}
		var got []string
		total, err := s.View().Tagged(t.Context(), "a", store.TaggedQuery{}, func(some []byte) error {
			got = append(got, strings.Split(string(some), store.Separator)...)
			return nil
		})
		if err != nil || total != len(step.want) {
			t.Fatalf("%d tags, %v", total, err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

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
	err = s.Rendering(t.Context(), "1", func(i store.Image, tags []store.Tag, steps []store.Transition) (store.Rendered, error) {
		return store.Rendered{Record: fmt.Appendf(nil, "%s %s %d %d %s", i.Digest, i.Status, len(tags), len(steps), i.Reason), Tags: make([][]byte, len(tags))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(account string, q store.RecordQuery) (all []string) {
		t.Helper()
		if err := s.View().Records(t.Context(), account, q, func(records []byte) error {
			all = append(all, strings.Split(string(records), store.Separator)...)
			return nil
		}); err != nil {
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
