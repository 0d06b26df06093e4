package queue

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// bulkShare is how often a claim takes work in bulk first: once in so many claims of
// a process. However much interactive work there is, bulk goes on.
const bulkShare = 8

// next claims the item whose turn it is.
func (q *Queue) next(ctx context.Context, tx *store.Tx, token, worker string, now time.Time) (store.Work, error) {
	if q.claims.Load()%bulkShare == bulkShare-1 {
		w, err := tx.ClaimWork(ctx, token, worker, now, now.Add(q.LeaseTime), Bulk)
		if !errors.Is(err, store.ErrNone) {
			return w, err
		}
	}
	return tx.ClaimWork(ctx, token, worker, now, now.Add(q.LeaseTime), Interactive)
}

// Ahead tells how many items are taken up before a free one, if none is added: of an
// account's, or of all where that is "". Which of its claims a process makes for bulk
// is not known here, so it may be one less or more.
func (q *Queue) Ahead(ctx context.Context, tx *store.Tx, w store.Work, account string) (int, error) {
	p, err := tx.PlaceOf(ctx, w, account)
	if err != nil {
		return 0, err
	}
	return p.Before + overtaking(w.Priority, p.Before, p.Others), nil
}

// Ahead is Queue.Ahead for the item at an index of the whole line, in which so many
// interactive items come first, and so many in bulk then.
func Ahead(priority, index, interactive, bulk int) int {
	if priority >= Bulk {
		before := index - interactive
		return before + overtaking(priority, before, interactive)
	}
	return index + overtaking(priority, index, bulk)
}

// overtaking is how many of the other kind's items are taken up before one that has
// so many of its own kind before it.
func overtaking(priority, before, others int) int {
	if priority >= Bulk {
		return min(others, (before+1)*(bulkShare-1))
	}
	return min(others, before/(bulkShare-1))
}
