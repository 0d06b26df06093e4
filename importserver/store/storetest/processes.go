package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/importserver/store"
)

func names(all []store.Process) []string {
	list := []string{}
	for _, p := range all {
		list = append(list, p.Name)
	}
	return list
}

func processes(t *testing.T, s *store.Store) {
	one := store.Process{Name: "h/1", Kind: "server", Host: "h", PID: 1 << 30, Version: "1", Capacity: 2, StartedAt: start, BeatAt: start}
	two := one
	two.Name, two.Kind = "h/2", "worker"
	beat := func(p store.Process) {
		t.Helper()
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.BeatProcess(ctx, p) })
	}
	beat(one)
	beat(two)
	one.Database, one.Message, one.Capacity, one.BeatAt = "sha256:x", "it waits", 3, start.Add(time.Minute)
	beat(one)
	got, err := s.View().Processes(t.Context())
	if diff := cmp.Diff([]store.Process{one, two}, got); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	now := start.Add(2 * time.Minute)
	silent := func() (all []string) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			found, err := tx.SilentProcesses(ctx, start.Add(time.Second), now)
			all = names(found)
			return err
		})
		return all
	}
	if first, again := silent(), silent(); !cmp.Equal(first, []string{"h/2"}) || len(again) != 0 {
		t.Errorf("silent: %v, and once more %v", first, again)
	}
	two.DownAt = now
	if got, _ := s.View().Processes(t.Context()); !cmp.Equal(got, []store.Process{one, two}) {
		t.Errorf("marked: %+v", got)
	}
	beat(two) // it was only stopped for a while
	if again := silent(); !cmp.Equal(again, []string{"h/2"}) {
		t.Errorf("silent after it spoke up: %v", again)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		gone, err := tx.DropProcesses(ctx, start.Add(time.Second))
		if !cmp.Equal(names(gone), []string{"h/2"}) {
			t.Errorf("dropped: %v", names(gone))
		}
		return err
	})
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DropProcess(ctx, "h/1") })
	if got, err := s.View().Processes(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("left: %+v, %v", got, err)
	}
}

func tasks(t *testing.T, s *store.Store) {
	queued(t, s, "one", store.Work{Stage: "analyze"})
	queued(t, s, "two", store.Work{Stage: "assess", Priority: 5})
	if w, err := claim(t, s, "token", start.Add(time.Hour)); err != nil || w.Worker == "" {
		t.Fatalf("%+v, %v", w, err)
	}
	got, err := s.View().Tasks(t.Context())
	want := []store.Task{{Digest: "one", Work: store.Work{Account: "a", Stage: "analyze", Attempts: 1}}}
	ignored := cmpopts.IgnoreFields(store.Work{}, "Worker", "ExpiresAt")
	if diff := cmp.Diff(want, got, ignored); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func chores(t *testing.T, s *store.Store) {
	now := start
	hold := func(who string, d time.Duration) (held bool) {
		in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			held, err = tx.HoldChore(ctx, "tidy", who, now, now.Add(d), now.Add(time.Hour))
			return err
		})
		return held
	}
	leave := func(who string, next time.Time) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.LeaveChore(ctx, "tidy", who, next) })
	}
	for n, step := range []struct {
		who  string
		at   time.Duration
		want bool
		next time.Duration // when it may be done again; 0: its holder dies
	}{
		{"a", 0, true, 0},
		{"b", time.Minute, false, 0},
		{"b", 10 * time.Minute, true, 30 * time.Minute},
		{"a", 29 * time.Minute, false, 0},
		{"a", 30 * time.Minute, true, 0},
	} {
		now = start.Add(step.at)
		if got := hold(step.who, 10*time.Minute); got != step.want {
			t.Fatalf("step %d: held %v", n, got)
		}
		if step.next > 0 {
			leave("somebody else", start)
			leave(step.who, start.Add(step.next))
		}
	}
	keep := func(who string, until time.Time) (held bool) {
		in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			held, err = tx.KeepChore(ctx, "tidy", who, until)
			return err
		})
		return held
	}
	if keep("b", start.Add(time.Hour)) || !keep("a", start.Add(50*time.Minute)) {
		t.Error("a chore is kept by another than its holder")
	}
	if now = start.Add(45 * time.Minute); hold("b", time.Minute) {
		t.Error("a chore that is kept is another's")
	}
	if now = start.AddDate(0, 0, -1); !hold("b", time.Minute) {
		t.Error("a clock that went wrong holds a chore for a day")
	}
}

func vulnerabilityDatabases(t *testing.T, s *store.Store) {
	publish := func(digest, archive string, at time.Time) store.Database {
		d := store.Database{Digest: digest, Archive: archive, Generation: blob(t, s, archive, start).Generation, Size: 1 << 33, BuiltAt: start, Source: "x", PublishedAt: at, Publisher: "p"}
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PublishDatabase(ctx, d) })
		return d
	}
	if d, err := s.View().PublishedDatabase(t.Context()); !errors.Is(err, store.ErrNone) {
		t.Errorf("at first: %+v, %v", d, err)
	}
	publish("one", "archive-1", start)
	publish("two", "archive-2", start)
	want := publish("two", "archive-3", start.Add(time.Hour))
	got, err := s.View().PublishedDatabase(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	giveUp(t, s, start.AddDate(1, 0, 0))
	if diff := cmp.Diff([]string{"archive-1", "archive-2"}, given(t, s)); diff != "" {
		t.Errorf("to be deleted: %s", diff)
	}
}
