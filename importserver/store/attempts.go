package store

import (
	"context"
	"database/sql"
	"time"
)

// How attempts end.
const (
	AttemptDone       = "done"       // the image is analysed
	AttemptFailed     = "failed"     // it said why
	AttemptLost       = "lost"       // its worker fell silent
	AttemptGivenBack  = "given_back" // its worker was told to end, or what the server needs was not there; it does not count
	AttemptCancelled  = "cancelled"  // a user ended it
	AttemptSuperseded = "superseded" // the image was asked for anew
)

// Attempt is one worker's go at an image's work.
type Attempt struct {
	Image   int64
	Number  int    // of its stage
	Stage   string // in which it ended; of one that is done, with which it began
	Worker  string
	Begun   time.Time
	Ended   time.Time
	Outcome string
	Reason  string
}

// maxAttempts is how many attempts at an image are kept: more than any can have
// without being asked for again.
const maxAttempts = 50

// PutAttempt keeps an attempt that has ended; the oldest of its image go.
func (t *Tx) PutAttempt(ctx context.Context, a Attempt) error {
	id, err := t.take(ctx, "log", 1)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO attempts (id, image, number, stage, worker, begun_at, ended_at, outcome, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id[0], a.Image, a.Number, a.Stage, a.Worker, micros(a.Begun), micros(a.Ended), a.Outcome, a.Reason)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM attempts WHERE image = $1 AND id <= (
		SELECT id FROM attempts WHERE image = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`, a.Image, maxAttempts)
	return err
}

// Attempts are the attempts at an image that are kept, oldest first.
func (t *Tx) Attempts(ctx context.Context, image int64) ([]Attempt, error) {
	var all []Attempt
	err := t.each(ctx, `SELECT number, stage, worker, begun_at, ended_at, outcome, reason FROM attempts WHERE image = $1 ORDER BY id`,
		[]any{image}, func(rows *sql.Rows) error {
			a := Attempt{Image: image}
			var begun, ended int64
			err := rows.Scan(&a.Number, &a.Stage, &a.Worker, &begun, &ended, &a.Outcome, &a.Reason)
			a.Begun, a.Ended = fromMicros(begun), fromMicros(ended)
			all = append(all, a)
			return err
		})
	return all, err
}
