package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/worker"
)

// work is a pool with one image to work on.
type work struct {
	*worker.Pool
	store *store.Store
	image int64
}

func newWork(t *testing.T, do func(context.Context, *queue.Lease, func(string)) error) *work {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	q := queue.New(s, queue.Options{LeaseTime: time.Minute, MaxAttempts: 2, RetryDelay: time.Millisecond, Now: time.Now})
	w := &work{store: s, Pool: &worker.Pool{
		Queue: q, Name: "w", Size: 1, Do: do, Heartbeat: 10 * time.Millisecond, Poll: 10 * time.Millisecond,
		Grace: 20 * time.Millisecond, Limit: time.Minute, Deaf: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}}
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		i := store.Image{Account: "a", Digest: "d", Status: wire.NotAnalyzed}
		if err := tx.InsertImage(t.Context(), &i); err != nil {
			return err
		}
		w.image, i.Status = i.ID, ""
		return q.Submit(t.Context(), tx, i, queue.Assess, "", queue.Interactive)
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run has the pool work until stop is closed, and gives the image as it is then.
func (w *work) run(t *testing.T, stop <-chan struct{}) store.Image {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-stop
		cancel()
	}()
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("the pool does not end")
	}
	i, err := w.store.View().ImageByID(t.Context(), w.image)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestDeafWorkIsLeftToItself(t *testing.T) {
	begun, never, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	w := newWork(t, func(_ context.Context, l *queue.Lease, _ func(string)) error {
		close(begun)
		<-never
		late <- l.Finish(context.Background(), func(*store.Tx) error { return nil })
		return nil
	})
	if i := w.run(t, begun); i.Status != wire.NotAnalyzed {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
	close(never)
	if err := <-late; !errors.Is(err, queue.ErrLost) {
		t.Errorf("its late result: %v", err)
	}
}

// What is being done is seen long before the next heartbeat is due.
func TestWhatIsDoneIsToldSoon(t *testing.T) {
	seen := make(chan struct{})
	var w *work
	w = newWork(t, func(ctx context.Context, l *queue.Lease, progress func(string)) error {
		progress("pull")
		defer close(seen)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if k, err := w.store.View().Work(ctx, w.image); err != nil || k.Progress == "pull" {
				return errors.Join(err, l.Finish(ctx, func(*store.Tx) error { return nil }))
			}
			time.Sleep(10 * time.Millisecond)
		}
		return fault.New(fault.Invalid, "it was not told")
	})
	w.Heartbeat = time.Hour
	if i := w.run(t, seen); i.Status != wire.Analyzed {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
}

func TestWorkHasALimit(t *testing.T) {
	ended := make(chan struct{})
	attempts := 0
	w := newWork(t, func(ctx context.Context, _ *queue.Lease, _ func(string)) error {
		<-ctx.Done()
		if attempts++; attempts == 2 {
			time.AfterFunc(100*time.Millisecond, func() { close(ended) })
		}
		return ctx.Err()
	})
	w.Limit = 20 * time.Millisecond
	want := "assess: gave up after 2 attempts: it took longer than 20ms"
	if i := w.run(t, ended); i.Status != wire.AnalysisFailed || i.Reason != want {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
}

func TestEveryAttemptIsObserved(t *testing.T) {
	ended := make(chan struct{})
	w := newWork(t, func(ctx context.Context, l *queue.Lease, _ func(string)) error {
		return l.Finish(ctx, func(*store.Tx) error { return nil })
	})
	w.Observe = func(stage, outcome string, _ time.Duration) {
		if stage != queue.Assess || outcome != worker.Done {
			t.Errorf("observed %s, %s", stage, outcome)
		}
		close(ended)
	}
	if i := w.run(t, ended); i.Status != wire.Analyzed {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
}

// Work that has ended its lease itself has not lost it: a heartbeat may come before it
// returns.
func TestFinishedLeaseIsNotLost(t *testing.T) {
	ended := make(chan struct{})
	var w *work
	w = newWork(t, func(ctx context.Context, l *queue.Lease, _ func(string)) error {
		if err := l.Finish(ctx, func(*store.Tx) error { return nil }); err != nil {
			return err
		}
		for range 30 {
			w.Queue.Recheck()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	})
	w.Observe = func(_, outcome string, _ time.Duration) {
		if outcome != worker.Done {
			t.Errorf("observed %s", outcome)
		}
		close(ended)
	}
	if i := w.run(t, ended); i.Status != wire.Analyzed {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
}

// Who loses his lease to somebody in the same process hears of it at once.
func TestLostLeaseIsNoticedAtOnce(t *testing.T) {
	begun, cause := make(chan struct{}), make(chan error, 1)
	w := newWork(t, func(ctx context.Context, _ *queue.Lease, _ func(string)) error {
		close(begun)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	})
	w.Heartbeat = time.Hour
	stop := make(chan struct{})
	go func() {
		<-begun
		err := w.store.InTx(t.Context(), func(tx *store.Tx) error {
			i, err := tx.ImageByID(t.Context(), w.image)
			if err == nil {
				_, err = w.Queue.Cancel(t.Context(), tx, i, "bob")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for { // the worker may not listen yet
			w.Queue.Recheck()
			select {
			case err := <-cause:
				if !errors.Is(err, queue.ErrLost) {
					t.Errorf("it ended with %v", err)
				}
				close(stop)
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	if i := w.run(t, stop); i.Status != wire.AnalysisFailed || i.Reason != "cancelled by bob" {
		t.Errorf("the image is %s: %s", i.Status, i.Reason)
	}
}
