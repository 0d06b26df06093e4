package queue

import (
	"context"
	"errors"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Cancel ends what is queued or under way for an image, within the caller's
// transaction: who works on it loses the lease, and the image has failed. One that
// is analysed stays so, and is not matched anew. It tells whether there was anything
// to end.
func (q *Queue) Cancel(ctx context.Context, tx *store.Tx, i store.Image, by string) (bool, error) {
	reason := "cancelled by " + clean(by, 200)
	w, err := tx.Work(ctx, i.ID)
	switch {
	case errors.Is(err, store.ErrNone):
		if i.Status == wire.Analyzed || i.Status == wire.AnalysisFailed {
			return false, nil
		}
	case err != nil:
		return false, err
	case w.Token != "":
		if err := q.keep(ctx, tx, w, store.AttemptCancelled, reason); err != nil {
			return false, err
		}
	}
	if err := tx.DeleteWork(ctx, i.ID); err != nil {
		return false, err
	}
	if i.Status == wire.Analyzed {
		return true, tx.SetReason(ctx, i.ID, reason)
	}
	return true, q.step(ctx, tx, q.move(i, wire.AnalysisFailed, "api", reason))
}

// Retry takes up a failed image again, within the caller's transaction; one that
// waits for its next attempt waits no longer. It tells whether it changed anything.
func (q *Queue) Retry(ctx context.Context, tx *store.Tx, i store.Image, by string) (bool, error) {
	switch i.Status {
	case wire.AnalysisFailed:
		return true, q.Submit(ctx, tx, i, stageOf(i), "asked for again by "+clean(by, 200), Interactive)
	case wire.NotAnalyzed:
		return q.Hasten(ctx, tx, i)
	}
	return false, nil
}

// Hasten makes queued work urgent, within the caller's transaction: somebody waits
// for it now. It tells whether that changed anything.
func (q *Queue) Hasten(ctx context.Context, tx *store.Tx, i store.Image) (bool, error) {
	w, err := tx.Work(ctx, i.ID)
	if err != nil || w.Token != "" || !w.Delayed && w.Priority <= Interactive {
		return false, ignoreNone(err)
	}
	turn, err := tx.Join(ctx, i.Account, Interactive)
	if err != nil {
		return false, err
	}
	return true, tx.Hasten(ctx, i.ID, Interactive, turn, q.Now())
}

// stageOf is where the work on an image begins: what the server has no name to pull
// by came as evidence.
func stageOf(i store.Image) string {
	if i.Request.PullString == "" {
		return Assess
	}
	return Analyze
}
