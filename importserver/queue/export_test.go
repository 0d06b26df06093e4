package queue

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// Count has the queue go by a count of one's own.
func (q *Queue) Count(tick func() time.Time) { q.tick = tick }

// Bear has the queue put off any number of attempts in a row.
func (q *Queue) Bear() { q.putOffs = math.MaxInt }

// TakeBack is the second half of Expire for one lease that the first half found,
// so that something else can happen in between.
func (q *Queue) TakeBack(ctx context.Context, w store.Work, before time.Time) error {
	l := &Lease{queue: q, Work: w, token: w.Token, service: "queue"}
	return l.end(ctx, errors.New("the worker fell silent"), 0, expired(before))
}
