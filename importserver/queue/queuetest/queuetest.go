// Package queuetest is what a queue must do, whatever database holds its work, and
// however many processes take part.
package queuetest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Open gives an empty store as two processes have it open, or twice the same where
// only one process can. It closes both when the test ends.
type Open func(*testing.T) (one, other *store.Store)

// Run tries all of a queue.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *bench){
		"an item is claimed once":                      claimedOnce,
		"what is urgent comes first":                   urgentFirst,
		"a worker that shows that it lives keeps work": beats,
		"a silent worker's work is taken back":         silent,
		"a lost lease writes nothing":                  lostLease,
		"a failed attempt waits, longer each time":     backoff,
		"what no attempt can help fails at once":       permanent,
		"an image that takes workers down ends":        poison,
		"work that is given back is no attempt":        release,
		"work that is asked for again is done again":   again,
		"work that is asked for anew is another's":     anew,
		"a deleted image ends its work":                deleted,
		"lost work is made again":                      mended,
		"many claimers share no item":                  manyClaimers,
		"whatever happens at once, all ends well":      anything,
	} {
		t.Run(name, func(t *testing.T) {
			one, other := open(t)
			b := &bench{t: t, stores: [2]*store.Store{one, other}}
			b.clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
			for i, s := range b.stores {
				b.queues[i] = queue.New(s, queue.Options{
					LeaseTime: time.Minute, MaxAttempts: 3, RetryDelay: 10 * time.Second,
					Now: b.now, Host: "host", Version: "v",
				})
			}
			test(t, b)
		})
	}
}

// bench are two processes' queues on one store, with a clock that tests turn.
type bench struct {
	t      *testing.T
	stores [2]*store.Store
	queues [2]*queue.Queue
	clock  atomic.Int64
}

func (b *bench) now() time.Time { return time.UnixMicro(b.clock.Load()).UTC() }

func (b *bench) pass(d time.Duration) { b.clock.Add(d.Microseconds()) }

// in changes rows as the first process.
func (b *bench) in(do func(context.Context, *store.Tx) error) {
	b.t.Helper()
	if err := b.stores[0].InTx(b.t.Context(), func(tx *store.Tx) error { return do(b.t.Context(), tx) }); err != nil {
		b.t.Fatal(err)
	}
}

// submit asks for an image's analysis, and makes the image where it is new.
func (b *bench) submit(digest string, priority int) {
	b.t.Helper()
	b.in(func(ctx context.Context, tx *store.Tx) error { return submit(ctx, b.queues[0], tx, digest, priority) })
}

func submit(ctx context.Context, q *queue.Queue, tx *store.Tx, digest string, priority int) error {
	i, err := tx.Image(ctx, "a", digest)
	if errors.Is(err, store.ErrNone) {
		i = store.Image{Account: "a", Digest: digest, Status: wire.NotAnalyzed, Request: store.Request{PullString: "x"}, CreatedAt: q.Now(), UpdatedAt: q.Now()}
		err = tx.InsertImage(ctx, &i)
		i.Status = ""
	}
	if err != nil {
		return err
	}
	return q.Submit(ctx, tx, i, queue.Analyze, "asked for", priority)
}

// claim is an item for a process; nil where there is none.
func (b *bench) claim(process int) *queue.Lease {
	b.t.Helper()
	l, err := b.queues[process].Claim(b.t.Context(), "worker")
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// must is claim where there has to be an item.
func (b *bench) must(process int) *queue.Lease {
	b.t.Helper()
	l := b.claim(process)
	if l == nil {
		b.t.Fatal("there is no work")
	}
	return l
}

// none fails the test where there is an item.
func (b *bench) none(process int, why string) {
	b.t.Helper()
	if l := b.claim(process); l != nil {
		b.t.Fatalf("%s: %s was claimed", why, l.Image.Digest)
	}
}

func (b *bench) expire(process, want int) {
	b.t.Helper()
	if n, err := b.queues[process].Expire(b.t.Context()); err != nil || n != want {
		b.t.Fatalf("%d leases ended, want %d: %v", n, want, err)
	}
}

func (b *bench) image(digest string) store.Image {
	b.t.Helper()
	i, err := b.stores[1].View().Image(b.t.Context(), "a", digest)
	if err != nil {
		b.t.Fatal(err)
	}
	return i
}

func (b *bench) is(digest, status string) store.Image {
	b.t.Helper()
	i := b.image(digest)
	if i.Status != status {
		b.t.Fatalf("%s is %s (%s), want %s", digest, i.Status, i.Reason, status)
	}
	return i
}

func (b *bench) finish(l *queue.Lease) {
	b.t.Helper()
	if err := l.Finish(b.t.Context(), func(*store.Tx) error { return nil }); err != nil {
		b.t.Fatal(err)
	}
}

func claimedOnce(t *testing.T, b *bench) {
	b.none(0, "before anything was asked for")
	b.submit("one", queue.Interactive)
	l := b.must(1)
	if l.Image.Digest != "one" || l.Work.Attempts != 1 {
		t.Errorf("%s, attempt %d", l.Image.Digest, l.Work.Attempts)
	}
	b.is("one", wire.Analyzing)
	b.none(0, "while another process has it")
	b.finish(l)
	b.is("one", wire.Analyzed)
	b.none(0, "after it was done")
}

func urgentFirst(t *testing.T, b *bench) {
	b.submit("bulk", queue.Bulk)
	b.pass(time.Second)
	b.submit("urgent", queue.Interactive)
	if l := b.must(0); l.Image.Digest != "urgent" {
		t.Errorf("first came %s", l.Image.Digest)
	}
	if l := b.must(1); l.Image.Digest != "bulk" {
		t.Errorf("then came %s", l.Image.Digest)
	}
}

func beats(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	l := b.must(0)
	for range 5 {
		b.pass(50 * time.Second)
		if err := l.Beat(t.Context(), "matching"); err != nil {
			t.Fatal(err)
		}
		b.expire(1, 0)
	}
	b.finish(l)
	b.is("one", wire.Analyzed)
}

func silent(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	b.must(0)
	b.pass(61 * time.Second)
	b.expire(1, 1)
	if i := b.is("one", wire.NotAnalyzed); !strings.Contains(i.Reason, "fell silent") {
		t.Errorf("reason: %s", i.Reason)
	}
	b.expire(0, 0)
	if l := b.must(1); l.Work.Attempts != 2 {
		t.Errorf("attempt %d", l.Work.Attempts)
	}
}

func lostLease(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	old := b.must(0)
	b.pass(61 * time.Second)
	b.expire(1, 1)
	l := b.must(1)
	wrote := func(tx *store.Tx) error { return tx.SetReason(t.Context(), old.Image.ID, "written without a lease") }
	for name, err := range map[string]error{
		"beat": old.Beat(t.Context(), "x"), "finish": old.Finish(t.Context(), wrote),
		"fail": old.Fail(t.Context(), errors.New("x")), "release": old.Release(t.Context(), "x"),
		"advance": old.Advance(t.Context(), queue.Assess, wrote),
		"hold":    b.stores[0].InTx(t.Context(), func(tx *store.Tx) error { return old.Holds(t.Context(), tx) }),
	} {
		if !errors.Is(err, queue.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i := b.is("one", wire.Analyzing); strings.Contains(i.Reason, "without a lease") {
		t.Error("a lost lease wrote")
	}
	b.finish(l)
	b.is("one", wire.Analyzed)
}

func backoff(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	for _, wait := range []time.Duration{10 * time.Second, 20 * time.Second} {
		if err := b.must(0).Fail(t.Context(), fault.New(fault.Unavailable, "no answer")); err != nil {
			t.Fatal(err)
		}
		b.is("one", wire.NotAnalyzed)
		b.pass(wait - time.Second)
		b.none(1, "before its time")
		b.pass(time.Second)
	}
	if err := b.must(1).Fail(t.Context(), fault.New(fault.Unavailable, "no answer")); err != nil {
		t.Fatal(err)
	}
	if i := b.is("one", wire.AnalysisFailed); !strings.Contains(i.Reason, "3 attempts") || !strings.Contains(i.Reason, "no answer") {
		t.Errorf("reason: %s", i.Reason)
	}
	b.pass(time.Hour)
	b.none(0, "after it failed")
}

func permanent(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	if err := b.must(0).Fail(t.Context(), fault.New(fault.NotFound, "no such image")); err != nil {
		t.Fatal(err)
	}
	b.is("one", wire.AnalysisFailed)
	b.submit("one", queue.Interactive)
	b.is("one", wire.NotAnalyzed)
	b.finish(b.must(1))
	b.is("one", wire.Analyzed)
}

func poison(t *testing.T, b *bench) {
	b.submit("poison", queue.Interactive)
	b.submit("good", queue.Interactive)
	for n := range 3 {
		for l := b.claim(n % 2); l != nil; l = b.claim(n % 2) {
			if l.Image.Digest == "good" {
				b.finish(l)
			}
		}
		b.pass(61 * time.Second)
		b.expire(1-n%2, 1)
	}
	b.is("good", wire.Analyzed)
	if i := b.is("poison", wire.AnalysisFailed); !strings.Contains(i.Reason, "fell silent") {
		t.Errorf("reason: %s", i.Reason)
	}
}

func release(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	for range 5 {
		if err := b.must(0).Release(t.Context(), "shutting down"); err != nil {
			t.Fatal(err)
		}
		b.is("one", wire.NotAnalyzed)
	}
	if l := b.must(1); l.Work.Attempts != 1 {
		t.Errorf("attempt %d", l.Work.Attempts)
	}
}

func again(t *testing.T, b *bench) {
	b.submit("done", queue.Interactive)
	b.finish(b.must(0))
	b.submit("under way", queue.Interactive)
	l := b.must(0)
	b.in(func(ctx context.Context, tx *store.Tx) error {
		n, err := b.queues[0].Refresh(ctx, tx)
		if err == nil && n != 1 {
			t.Errorf("%d items made, want the one of the image that is analysed", n)
		}
		return err
	})
	b.finish(l)
	left := map[string]bool{}
	for l := b.claim(1); l != nil; l = b.claim(1) {
		left[l.Image.Digest] = true
		b.is(l.Image.Digest, wire.Analyzed)
		b.finish(l)
	}
	if !left["done"] || !left["under way"] || len(left) != 2 {
		t.Errorf("done again: %v", left)
	}
}

func anew(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	l := b.must(0)
	b.submit("one", queue.Interactive)
	b.is("one", wire.NotAnalyzed)
	if err := l.Beat(t.Context(), "x"); !errors.Is(err, queue.ErrLost) {
		t.Errorf("who worked on it may go on: %v", err)
	}
	b.finish(b.must(1))
}

func deleted(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	l := b.must(0)
	b.in(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteImage(ctx, l.Image.ID) })
	for name, err := range map[string]error{
		"beat": l.Beat(t.Context(), "x"), "finish": l.Finish(t.Context(), func(*store.Tx) error { return nil }), "fail": l.Fail(t.Context(), errors.New("x")),
	} {
		if !errors.Is(err, queue.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.none(1, "after it was deleted")
}

func mended(t *testing.T, b *bench) {
	b.submit("one", queue.Interactive)
	b.in(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteWork(ctx, b.image("one").ID) })
	b.none(0, "before it was made again")
	for _, want := range []int{1, 0} {
		if n, err := b.queues[1].Mend(t.Context()); err != nil || n != want {
			t.Errorf("%d mended, want %d: %v", n, want, err)
		}
	}
	b.finish(b.must(0))
}
