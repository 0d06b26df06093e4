// Package queue is durable work with leases: what is to be done for which image,
// who does it, and until when that is believed.
//
// The image's row is the truth. Work changes in the same transaction as the
// image's status, every change of status is a compare-and-set, and nothing is
// written under a lease that is lost.
package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Stages of the work on an image.
const (
	Analyze = "analyze" // pull it and take evidence
	Assess  = "assess"  // draw conclusions from the evidence that is there
)

// Priorities of work. What is in bulk waits for the rest, but for the share of
// claims that is its own: see bulkShare.
const (
	Interactive = 0  // somebody waits for it
	Bulk        = 10 // nobody does: the database changed, a tag that is watched moved
)

// ErrLost says that a lease is no longer held: somebody else has the work, or
// it is gone. Whoever held it must write nothing more.
var ErrLost = errors.New("the lease on this work is lost")

// Options say how patient a queue is.
type Options struct {
	LeaseTime   time.Duration // how long a silent worker is believed to live
	MaxAttempts int           // of a stage
	RetryDelay  time.Duration // after the first failed attempt, doubled after each
	Now         func() time.Time
	Host        string // for the images' history
	Version     string
	Log         *slog.Logger // nil: nothing is told

	// OnMove is called in the transaction of every change of an image's status.
	OnMove func(context.Context, *store.Tx, store.Transition) error
}

// Queue hands out the work that a store holds. It is safe for concurrent use,
// also by several processes on one store.
type Queue struct {
	Options
	store  *store.Store
	claims atomic.Int64 // that this process made

	mu    sync.Mutex
	stale chan struct{}       // closed when leases may have been lost
	far   map[string]sighting // of leases that ended too far ahead when it was last looked, by their tokens

	tick    func() time.Time // what the system counts, which no clock that is set changes
	putOffs int              // maxPutOffs
}

// sighting is when a lease was first seen with an end.
type sighting struct{ ends, at time.Time }

// New is the queue of a store.
func New(s *store.Store, o Options) *Queue {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Queue{Options: o, store: s, stale: make(chan struct{}), tick: time.Now, putOffs: maxPutOffs}
}

// Wake receives when there may be new work, also where another process made it.
func (q *Queue) Wake() <-chan struct{} { return q.store.Announced() }

// Announce wakes waiting workers, also those of other processes; to be called once
// the transaction is done.
func (q *Queue) Announce() { q.store.Announce() }

// Recheck has all who hold leases in this process look whether they still do; to be
// called once a transaction is done that may have ended one. Those in other processes
// see it at their next heartbeat.
func (q *Queue) Recheck() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.stale)
	q.stale = make(chan struct{})
}

// Rechecked is closed by the next Recheck.
func (q *Queue) Rechecked() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stale
}

// Submit asks for a stage of an image's work within the caller's transaction,
// whatever was asked for before: the image becomes not_analyzed, and who works on
// it loses the lease. An image that is new has the status "".
func (q *Queue) Submit(ctx context.Context, tx *store.Tx, i store.Image, stage, reason string, priority int) error {
	now := q.Now()
	m := q.move(i, wire.NotAnalyzed, "api", reason)
	m.Attempt = 0
	if i.Status == wire.NotAnalyzed {
		if err := tx.SetReason(ctx, i.ID, reason); err != nil {
			return err
		}
	} else if err := q.step(ctx, tx, m); err != nil {
		return err
	}
	turn, err := q.turn(ctx, tx, i, priority, reason)
	if err != nil {
		return err
	}
	return tx.PutWork(ctx, store.Work{
		Image: i.ID, Account: i.Account, Stage: stage, Priority: priority, Turn: turn, NotBefore: now, CreatedAt: now,
		Trace: traceOf(ctx),
	})
}

// turn is where new work of an image stands in line: where the old one does, if it
// is as urgent. An attempt that is under way ends with this.
func (q *Queue) turn(ctx context.Context, tx *store.Tx, i store.Image, priority int, reason string) (int64, error) {
	old, err := tx.Work(ctx, i.ID)
	switch {
	case err != nil && !errors.Is(err, store.ErrNone):
		return 0, err
	case err == nil && old.Token != "":
		if err := q.keep(ctx, tx, old, store.AttemptSuperseded, reason); err != nil {
			return 0, err
		}
	case err == nil && !old.Delayed && old.Priority == priority:
		return old.Turn, nil
	}
	return tx.Join(ctx, i.Account, priority)
}

// Refresh has every analysed image assessed once more, and what is under way
// repeated, within the caller's transaction. The images stay analyzed meanwhile.
func (q *Queue) Refresh(ctx context.Context, tx *store.Tx) (int64, error) {
	if err := tx.AskAgain(ctx); err != nil {
		return 0, err
	}
	return tx.PutWorkForAll(ctx, wire.Analyzed, store.Work{Stage: Assess, Priority: Bulk, CreatedAt: q.Now()})
}

// Repeat has an image that is being assessed assessed once more when that has ended,
// within the transaction that ends it.
func (q *Queue) Repeat(ctx context.Context, tx *store.Tx, i store.Image) error {
	turn, err := tx.Join(ctx, i.Account, Bulk)
	if err != nil {
		return err
	}
	now := q.Now()
	return tx.PutWork(ctx, store.Work{
		Image: i.ID, Account: i.Account, Stage: Assess, Priority: Bulk, Turn: turn, NotBefore: now, CreatedAt: now, Trace: traceOf(ctx),
	})
}

// Claim leases the next item to a worker; nil where there is none.
func (q *Queue) Claim(ctx context.Context, worker string) (*Lease, error) {
	for {
		l, err := q.claim(ctx, worker)
		if l == nil || !l.vain {
			return l, err
		}
		q.Log.ErrorContext(ctx, "work for an image that has failed was dropped", "image", l.Image.Digest, "account", l.Image.Account, "stage", l.Work.Stage)
	}
}

// claim is Claim; the lease is vain where the item was none to work on, and is gone.
func (q *Queue) claim(ctx context.Context, worker string) (*Lease, error) {
	if any, err := q.store.View().HasWork(ctx, q.Now()); err != nil || !any {
		return nil, wrap(err, "look for work")
	}
	l := &Lease{queue: q, token: rand.Text(), finishing: new(atomic.Bool)}
	err := q.store.InTx(ctx, func(tx *store.Tx) error {
		now := q.Now() // the transaction may have waited
		w, err := q.next(ctx, tx, l.token, worker, now)
		if err != nil {
			return err
		}
		l.Work, l.vain = w, false
		return l.begin(ctx, tx)
	})
	if errors.Is(err, store.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "claim work")
	}
	q.claims.Add(1)
	return l, nil
}

// Expire takes work back from workers that fell silent, and gives up on what has
// failed too often. It tells how many leases it ended. Work that waits longer than any
// delay is, does so because the clock was ahead when it was put off: it waits no more.
// What cannot be done keeps nothing else from being done.
func (q *Queue) Expire(ctx context.Context) (int, error) {
	n, silent := q.takeBack(ctx, q.Now(), "the worker fell silent")
	abandoned, far := q.expireFar(ctx)
	now := q.Now()
	recalled, err := q.store.Recall(ctx, now, now.Add(maxDelay), maxRecalled)
	if recalled > 0 {
		q.Log.WarnContext(ctx, "the clock was set back: work that waited for a later time waits no more", "count", recalled)
		q.Announce()
	}
	return n + abandoned, errors.Join(silent, far, wrap(err, "look for work that waits too long"))
}

// expireFar ends leases that nobody holds any more and that would last for much longer
// than leases do, as the clock was ahead when they were prolonged last. Who holds one
// prolongs it, so that it ends at another time. Where a process has the store for itself,
// all who hold a lease are in it, and do so at once when they are told to look: one that
// is as it was at the next look is nobody's. Others have as long as two leases last, by
// what this process's system counts; who cannot prolong his for so long has given up.
func (q *Queue) expireFar(ctx context.Context) (int, error) {
	items, err := q.store.View().Leased(ctx, q.Now().AddDate(1000, 0, 0))
	if err != nil {
		return 0, wrap(err, "look for leases that last too long")
	}
	latest, now := q.Now().Add(2*q.LeaseTime), q.tick()
	var abandoned []store.Work
	seen := map[string]sighting{}
	for _, w := range items {
		if !w.ExpiresAt.After(latest) {
			continue
		}
		first, again := q.sighted(w.Token)
		if again = again && first.ends.Equal(w.ExpiresAt); !again {
			first = sighting{w.ExpiresAt, now}
		}
		seen[w.Token] = first
		if again && (!q.store.Shared() || now.Sub(first.at) >= 2*q.LeaseTime) {
			abandoned = append(abandoned, w)
		}
	}
	q.mu.Lock()
	q.far = seen
	q.mu.Unlock()
	if len(seen) > len(abandoned) {
		q.Recheck()
	}
	return q.endAll(ctx, abandoned, "the worker fell silent, and the clock was set back", func(w store.Work) bool {
		return w.ExpiresAt.Equal(seen[w.Token].ends)
	})
}

func (q *Queue) sighted(token string) (sighting, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s, ok := q.far[token]
	return s, ok
}

// maxRecalled bounds how much work one transaction recalls.
const maxRecalled = 1000

// TakeAll takes work back from all workers. Only a process that has the store for
// itself may call it, before its own workers start.
func (q *Queue) TakeAll(ctx context.Context) (int, error) {
	return q.takeBack(ctx, q.Now().AddDate(1000, 0, 0), "the server ended without giving this work back")
}

func (q *Queue) takeBack(ctx context.Context, before time.Time, reason string) (int, error) {
	items, err := q.store.View().Leased(ctx, before)
	if err != nil {
		return 0, wrap(err, "look for silent workers")
	}
	return q.endAll(ctx, items, reason, expired(before))
}

// expired tells of work whether its lease ended before a time.
func expired(before time.Time) func(store.Work) bool {
	return func(w store.Work) bool { return w.ExpiresAt.Before(before) }
}

// maxFailures is how many leases may fail to end before the rest is left for the next
// time: it is not one image then.
const maxFailures = 5

// endAll ends the leases of those whose workers are silent still.
func (q *Queue) endAll(ctx context.Context, items []store.Work, reason string, silent func(store.Work) bool) (n int, err error) {
	var failed []error
	for _, w := range items {
		l := &Lease{queue: q, Work: w, token: w.Token, service: "queue", finishing: new(atomic.Bool)}
		err := l.end(ctx, fmt.Errorf("%s (worker %s)", reason, w.Worker), 0, silent)
		switch {
		case err == nil:
			n++
		case errors.Is(err, ErrLost): // it spoke up in between
		default:
			failed = append(failed, fmt.Errorf("image %d: %w", w.Image, err))
		}
		if len(failed) == maxFailures || ctx.Err() != nil {
			break
		}
	}
	if n > 0 {
		q.Announce()
	}
	return n, wrap(errors.Join(failed...), "take work back")
}

// Mend makes work for images that wait for work that is not there. There should
// be none; the images are the truth, and the work can be made from them.
func (q *Queue) Mend(ctx context.Context) (int, error) {
	n := 0
	err := q.store.InTx(ctx, func(tx *store.Tx) error {
		n = 0
		for _, status := range []string{wire.NotAnalyzed, wire.Analyzing} {
			idle, err := tx.Idle(ctx, status, 100)
			if err != nil {
				return err
			}
			for _, seen := range idle {
				i, still, err := q.idle(ctx, tx, seen)
				if err != nil {
					return err
				}
				if !still {
					continue
				}
				if err := q.Submit(ctx, tx, i, stageOf(i), "its work was lost and made again", Interactive); err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	if n > 0 {
		q.Announce()
	}
	return n, wrap(err, "look for images without work")
}

// idle keeps an image that was seen without work as it is, and tells whether it is
// still so: others may have changed it meanwhile.
func (q *Queue) idle(ctx context.Context, tx *store.Tx, seen store.Image) (store.Image, bool, error) {
	i, err := tx.ImageByID(ctx, seen.ID)
	if err != nil || i.Status != seen.Status {
		return i, false, ignoreNone(err)
	}
	_, err = tx.Work(ctx, i.ID)
	return i, errors.Is(err, store.ErrNone), ignoreNone(err)
}

// step moves an image if the diagram has the step and the image is still where
// the step begins.
func (q *Queue) step(ctx context.Context, tx *store.Tx, m store.Transition) error {
	if !Allowed(m.From, m.To) {
		return fmt.Errorf("an image cannot go from %q to %q", m.From, m.To)
	}
	if err := q.put(ctx, tx, m); err != nil {
		return err
	}
	if q.OnMove == nil {
		return nil
	}
	return q.OnMove(ctx, tx, m)
}

func (q *Queue) put(ctx context.Context, tx *store.Tx, m store.Transition) error {
	if m.From == "" {
		return tx.Record(ctx, m)
	}
	ok, err := tx.Move(ctx, m)
	if err == nil && !ok {
		err = fmt.Errorf("an image is not %s as it was: %w", m.From, ErrLost)
	}
	return err
}

// move is the step of an image to a status, now.
func (q *Queue) move(i store.Image, to, service, reason string) store.Transition {
	return store.Transition{
		Image: i.ID, At: q.Now(), From: i.Status, To: to,
		Host: q.Host, Service: service, Version: q.Version, Attempt: i.Attempts, Reason: reason,
	}
}

func wrap(err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
