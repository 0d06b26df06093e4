package queue

import (
	"context"
	"fmt"
	"strings"

	"github.com/tidepole/tidepole/importserver/store"
)

// keep records the end of an attempt at an item that is leased.
func (q *Queue) keep(ctx context.Context, tx *store.Tx, w store.Work, outcome, reason string) error {
	return tx.PutAttempt(ctx, store.Attempt{
		Image: w.Image, Number: w.Attempts, Stage: w.Stage, Worker: w.Worker,
		Begun: w.ClaimedAt, Ended: q.Now(), Outcome: outcome, Reason: reason,
	})
}

// maxReason bounds what is said of one attempt among several.
const maxReason = 300

// reasons are why all attempts at a stage failed: once, if it was always the same.
func (q *Queue) reasons(ctx context.Context, tx *store.Tx, w store.Work) (string, error) {
	all, err := tx.Attempts(ctx, w.Image)
	if err != nil {
		return "", err
	}
	var counted []store.Attempt
	for n := len(all) - 1; n >= 0 && len(counted) < w.Attempts; n-- {
		if a := all[n]; a.Stage == w.Stage && (a.Outcome == store.AttemptFailed || a.Outcome == store.AttemptLost) {
			counted = append([]store.Attempt{a}, counted...)
		}
	}
	same := true
	var lines []string
	for _, a := range counted {
		same = same && a.Reason == counted[0].Reason
		lines = append(lines, fmt.Sprintf("(%d) %s", a.Number, clean(a.Reason, maxReason)))
	}
	if same && len(counted) > 0 {
		return counted[0].Reason, nil
	}
	return strings.Join(lines, "; "), nil
}
