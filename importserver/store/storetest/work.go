package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// queued adds an image with an item of work.
func queued(t *testing.T, s *store.Store, digest string, w store.Work) store.Image {
	t.Helper()
	i := put(t, s, digest)
	w.Image, w.Account = i.ID, i.Account
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutWork(ctx, w) })
	return i
}

func claim(t *testing.T, s *store.Store, token string, now time.Time) (w store.Work, err error) {
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		w, err = tx.ClaimWork(t.Context(), token, "worker", now, now.Add(time.Minute), 0)
		return err
	})
	return w, err
}

func claims(t *testing.T, s *store.Store) {
	const items, workers = 20, 4
	for n := range items {
		queued(t, s, fmt.Sprint(n), store.Work{Stage: "assess", NotBefore: start, CreatedAt: start})
	}
	var lock sync.Mutex
	got := map[int64]int{}
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			for turn := range items {
				w, err := claim(t, s, fmt.Sprintf("%d.%d", n, turn), start)
				if err == nil {
					lock.Lock()
					got[w.Image]++
					lock.Unlock()
				} else if !errors.Is(err, store.ErrNone) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if len(got) != items {
		t.Errorf("%d items were claimed, want %d", len(got), items)
	}
	for image, n := range got {
		if n != 1 {
			t.Errorf("work on %d was claimed %d times", image, n)
		}
	}
	if any, err := s.View().HasWork(t.Context(), start); any || err != nil {
		t.Errorf("work left: %v, %v", any, err)
	}
}

func order(t *testing.T, s *store.Store) {
	later := queued(t, s, "later", store.Work{Stage: "x", Turn: 7, Delayed: true, NotBefore: start.Add(time.Second), CreatedAt: start})
	minor := queued(t, s, "minor", store.Work{Stage: "x", NotBefore: start.Add(-time.Hour), Priority: 10, CreatedAt: start})
	first := queued(t, s, "first", store.Work{Stage: "x", Turn: 5, NotBefore: start, CreatedAt: start})
	notYet := queued(t, s, "not yet", store.Work{Stage: "x", Delayed: true, NotBefore: start.Add(time.Hour), CreatedAt: start})
	for image, want := range map[int64]store.Place{
		first.ID: {Others: 1}, minor.ID: {Others: 1}, later.ID: {Before: 1, Others: 1}, notYet.ID: {Before: 2, Others: 1},
	} {
		w, err := s.View().Work(t.Context(), image)
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range []string{"", "a"} {
			if p, err := s.View().PlaceOf(t.Context(), w, account); p != want || err != nil {
				t.Errorf("%d stands at %+v, %v; want %+v", image, p, err, want)
			}
		}
		if p, err := s.View().PlaceOf(t.Context(), w, "b"); p != (store.Place{}) || err != nil {
			t.Errorf("%d stands at %+v among another account's, %v", image, p, err)
		}
	}
	backlog, err := s.View().Lines(t.Context(), 1000)
	if diff := cmp.Diff(map[string]map[bool]store.Backlog{"x": {false: {Free: 4, Oldest: start}}}, backlog); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	for _, want := range []int64{first.ID, later.ID, minor.ID} {
		w, err := claim(t, s, "t", start.Add(time.Minute))
		if err != nil || w.Image != want || w.Attempts != 1 || w.Token != "t" || w.Worker != "worker" {
			t.Errorf("claimed %+v, %v; want image %d", w, err, want)
		}
	}
	if w, err := claim(t, s, "t", start.Add(time.Minute)); !errors.Is(err, store.ErrNone) {
		t.Errorf("claimed %+v, %v", w, err)
	}
}

func leases(t *testing.T, s *store.Store) {
	i := queued(t, s, "one", store.Work{Stage: "analyze", NotBefore: start, CreatedAt: start})
	if _, err := claim(t, s, "mine", start); err != nil {
		t.Fatal(err)
	}
	writes := map[string]func(tx *store.Tx, token string) (bool, error){
		"beat": func(tx *store.Tx, token string) (bool, error) {
			return tx.Beat(t.Context(), i.ID, token, "at it", start.Add(time.Hour))
		},
		"holds":   func(tx *store.Tx, token string) (bool, error) { return tx.Holds(t.Context(), i.ID, token) },
		"advance": func(tx *store.Tx, token string) (bool, error) { return tx.Advance(t.Context(), i.ID, token, "assess") },
		"free":    func(tx *store.Tx, token string) (bool, error) { return tx.FreeWork(t.Context(), i.ID, token, start, 0) },
		"finish":  func(tx *store.Tx, token string) (bool, error) { return tx.FinishWork(t.Context(), i.ID, token) },
		"drop":    func(tx *store.Tx, token string) (bool, error) { return tx.DropWork(t.Context(), i.ID, token) },
	}
	for name, write := range writes {
		in(t, s, func(_ context.Context, tx *store.Tx) error {
			ok, err := write(tx, "another's")
			if ok {
				t.Errorf("%s went through with another's lease", name)
			}
			return err
		})
	}
	for _, name := range []string{"beat", "holds", "advance", "free"} {
		in(t, s, func(_ context.Context, tx *store.Tx) error {
			ok, err := writes[name](tx, "mine")
			if !ok {
				t.Errorf("%s did not go through", name)
			}
			return err
		})
	}
	w, err := claim(t, s, "next", start)
	if err != nil || w.Stage != "assess" || w.Attempts != 2 || w.Progress != "" {
		t.Errorf("claimed again: %+v, %v", w, err)
	}
	for before, want := range map[time.Time]int{start: 0, start.Add(time.Hour): 1} {
		if all, err := s.View().Leased(t.Context(), before); err != nil || len(all) != want {
			t.Errorf("leases over by %s: %+v, %v", before, all, err)
		}
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutWork(ctx, store.Work{Image: i.ID, Account: "a", Stage: "analyze", NotBefore: start, CreatedAt: start})
	})
	in(t, s, func(_ context.Context, tx *store.Tx) error {
		ok, err := writes["holds"](tx, "next")
		if ok {
			t.Error("a lease outlived the item's replacement")
		}
		return err
	})
}

func again(t *testing.T, s *store.Store) {
	running := queued(t, s, "running", store.Work{Stage: "assess", NotBefore: start, CreatedAt: start})
	if _, err := claim(t, s, "t", start); err != nil {
		t.Fatal(err)
	}
	analysed := put(t, s, "analysed")
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Move(ctx, store.Transition{Image: analysed.ID, From: wire.NotAnalyzed, To: wire.Analyzed, At: start})
		n, err2 := tx.PutWorkForAll(ctx, wire.Analyzed, store.Work{Stage: "assess", Priority: 10, CreatedAt: start})
		if n != 1 {
			t.Errorf("work for %d images, want 1", n)
		}
		return errors.Join(err, err2, tx.AskAgain(ctx))
	})
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		done, err := tx.FinishWork(ctx, running.ID, "t")
		if done {
			t.Error("work that was asked for again was finished")
		}
		_, err2 := tx.FreeWork(ctx, running.ID, "t", start, -1)
		return errors.Join(err, err2)
	})
	for range 2 {
		w, err := claim(t, s, "t", start)
		if err != nil || w.Again || w.Attempts != 1 {
			t.Errorf("%+v, %v", w, err)
		}
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			done, err := tx.FinishWork(ctx, w.Image, "t")
			if !done {
				t.Error("work was not finished")
			}
			return err
		})
	}
}

func idle(t *testing.T, s *store.Store) {
	queued(t, s, "has work", store.Work{Stage: "assess", NotBefore: start, CreatedAt: start})
	lost := put(t, s, "has none")
	got, err := s.View().Idle(t.Context(), wire.NotAnalyzed, 10)
	if err != nil || len(got) != 1 || got[0].ID != lost.ID {
		t.Errorf("%+v, %v", got, err)
	}
}
