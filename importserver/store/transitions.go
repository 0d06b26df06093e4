package store

import (
	"context"
	"database/sql"
	"time"
)

// Transition is one step of an image's analysis, and who made it.
type Transition struct {
	Image    int64
	At       time.Time
	From, To string
	Host     string
	Service  string // api, worker, queue
	Worker   string // who had the image; "" where nobody did
	Version  string
	Attempt  int
	Reason   string
}

// Move takes an image from one status to another and records it, if the image
// still has the first. It tells whether it had.
func (t *Tx) Move(ctx context.Context, m Transition) (bool, error) {
	n, err := t.exec(ctx, `UPDATE images SET status = $3, reason = $4, attempts = $5, updated_at = $6
		WHERE id = $1 AND status = $2`, m.Image, m.From, m.To, m.Reason, m.Attempt, micros(m.At))
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.Record(ctx, m)
}

// Record adds a transition to an image's history.
func (t *Tx) Record(ctx context.Context, m Transition) error {
	t.changes(m.Image)
	ids, err := t.take(ctx, "log", 1)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO transitions (id, image, at, from_status, to_status, host, service, version, attempt, reason, worker)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		ids[0], m.Image, micros(m.At), m.From, m.To, m.Host, m.Service, m.Version, m.Attempt, m.Reason, m.Worker)
	return err
}

// MarkAnalyzed writes when an image's analysis was done, and its facts.
func (t *Tx) MarkAnalyzed(ctx context.Context, image int64, at time.Time, f Facts) error {
	t.changes(image)
	n, err := t.exec(ctx, `UPDATE images SET analyzed_at = $2, facts = $3 WHERE id = $1`, image, micros(at), asJSON(f))
	return touched(n, err, "mark image %d analysed", image)
}

// SetReason writes what an image waits for, or what went wrong while its status
// stayed as it is.
func (t *Tx) SetReason(ctx context.Context, image int64, reason string) error {
	n, err := t.exec(ctx, `UPDATE images SET reason = $2 WHERE id = $1 AND reason <> $2`, image, reason)
	if n > 0 {
		t.changes(image)
	}
	return err
}

// Transitions are an image's newest steps, at most limit, oldest first.
func (t *Tx) Transitions(ctx context.Context, image int64, limit int) ([]Transition, error) {
	var all []Transition
	err := t.each(ctx, `SELECT at, from_status, to_status, host, service, version, attempt, reason, worker FROM (
			SELECT * FROM transitions WHERE image = $1 ORDER BY id DESC LIMIT $2) newest
		ORDER BY id`, []any{image, limit}, func(rows *sql.Rows) error {
		m := Transition{Image: image}
		var at int64
		err := rows.Scan(&at, &m.From, &m.To, &m.Host, &m.Service, &m.Version, &m.Attempt, &m.Reason, &m.Worker)
		m.At = fromMicros(at)
		all = append(all, m)
		return err
	})
	return all, err
}
