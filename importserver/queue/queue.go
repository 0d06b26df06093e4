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
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Stages of the work on an image.
const (
	Analyze = "analyze" // pull it and take evidence
	Assess  = "assess"  // draw conclusions from the evidence that is there
)

// Priorities: small ones are done first.
const (
	asked     = 0  // somebody waits for it
	refreshed = 10 // the database changed
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

	// OnMove is called in the transaction of every change of an image's status.
	OnMove func(context.Context, *store.Tx, store.Transition) error
}

// Queue hands out the work that a store holds. It is safe for concurrent use,
// also by several processes on one store.
type Queue struct {
	Options
	store *store.Store
	wake  chan struct{}
}

// New is the queue of a store.
func New(s *store.Store, o Options) *Queue {
	return &Queue{Options: o, store: s, wake: make(chan struct{}, 1)}
}

// Wake receives when there may be new work. Work that another process made is
// not announced.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Announce wakes a waiting worker; to be called once the transaction is done.
func (q *Queue) Announce() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Submit asks for a stage of an image's work within the caller's transaction,
// whatever was asked for before: the image becomes not_analyzed, and who works on
// it loses the lease. An image that is new has the status "".
func (q *Queue) Submit(ctx context.Context, tx *store.Tx, i store.Image, stage, reason string) error {
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
	return tx.PutWork(ctx, store.Work{
		Image: i.ID, Account: i.Account, Stage: stage, Priority: asked, NotBefore: now, CreatedAt: now,
	})
}

// Refresh has every analysed image assessed once more, and what is under way
// repeated, within the caller's transaction. The images stay analyzed meanwhile.
func (q *Queue) Refresh(ctx context.Context, tx *store.Tx) (int64, error) {
	if err := tx.AskAgain(ctx); err != nil {
		return 0, err
	}
	return tx.PutWorkForAll(ctx, wire.Analyzed, store.Work{Stage: Assess, Priority: refreshed, CreatedAt: q.Now()})
}

// Claim leases the next item to a worker; nil where there is none.
func (q *Queue) Claim(ctx context.Context, worker string) (*Lease, error) {
	if any, err := q.store.View().HasWork(ctx, q.Now()); err != nil || !any {
		return nil, wrap(err, "look for work")
	}
	l := &Lease{queue: q, token: rand.Text()}
	err := q.store.InTx(ctx, func(tx *store.Tx) error {
		now := q.Now() // the transaction may have waited
		w, err := tx.ClaimWork(ctx, l.token, worker, now, now.Add(q.LeaseTime))
		if err != nil {
			return err
		}
		l.Work = w
		return l.begin(ctx, tx)
	})
	if errors.Is(err, store.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "claim work")
	}
	return l, nil
}

// Expire takes work back from workers that fell silent, and gives up on what has
// failed too often. It tells how many leases it ended.
func (q *Queue) Expire(ctx context.Context) (int, error) {
	return q.takeBack(ctx, q.Now(), "the worker fell silent")
}

// TakeAll takes work back from all workers. Only a process that has the store for
// itself may call it, before its own workers start.
func (q *Queue) TakeAll(ctx context.Context) (int, error) {
	return q.takeBack(ctx, q.Now().AddDate(1000, 0, 0), "the server was stopped while it worked on this")
}

func (q *Queue) takeBack(ctx context.Context, before time.Time, reason string) (int, error) {
	items, err := q.store.View().Leased(ctx, before)
	if err != nil {
		return 0, wrap(err, "look for silent workers")
	}
	n := 0
	for _, w := range items {
		l := &Lease{queue: q, Work: w, token: w.Token, service: "queue"}
		err := l.end(ctx, fmt.Errorf("%s (worker %s)", reason, w.Worker), 0, before)
		if errors.Is(err, ErrLost) {
			continue // it spoke up in between
		}
		if err != nil {
			return n, wrap(err, "take work back")
		}
		n++
	}
	if n > 0 {
		q.Announce()
	}
	return n, nil
}

// Mend makes work for images that wait for work that is not there. There should
// be none; the images are the truth, and the work can be made from them.
func (q *Queue) Mend(ctx context.Context) (int, error) {
	n := 0
	err := q.store.InTx(ctx, func(tx *store.Tx) error {
		for _, status := range []string{wire.NotAnalyzed, wire.Analyzing} {
			idle, err := tx.Idle(ctx, status, 100)
			if err != nil {
				return err
			}
			for _, i := range idle {
				stage := Analyze
				if i.Request.PullString == "" {
					stage = Assess
				}
				if err := q.Submit(ctx, tx, i, stage, "its work was lost and made again"); err != nil {
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
