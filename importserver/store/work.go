package store

import (
	"context"
	"database/sql"
	"time"
)

// Work is what is to be done for one image; at most one item an image.
type Work struct {
	Image     int64
	Account   string
	Stage     string
	Priority  int   // small ones first
	Turn      int64 // within the priority, small ones first: see Join
	Delayed   bool  // it waits for NotBefore, and is not in line
	Attempts  int   // of this stage
	Again     bool
	NotBefore time.Time
	CreatedAt time.Time
	Token     string // of the lease; "" while it is free
	Worker    string
	ClaimedAt time.Time // of the lease
	ExpiresAt time.Time // of the lease
	Progress  string
	Trace     string // W3C traceparent of who asked for it; "" where there is none
}

const workColumns = `image, account, stage, priority, turn, delayed, attempts, again, not_before, created_at,
	token, worker, claimed_at, expires_at, progress, trace`

func scanWork(row scanner) (Work, error) {
	var w Work
	var again, delayed int
	var notBefore, created, claimed, expires int64
	err := row.Scan(&w.Image, &w.Account, &w.Stage, &w.Priority, &w.Turn, &delayed, &w.Attempts, &again, &notBefore, &created,
		&w.Token, &w.Worker, &claimed, &expires, &w.Progress, &w.Trace)
	w.Again, w.Delayed = again != 0, delayed != 0
	w.NotBefore, w.CreatedAt, w.ClaimedAt, w.ExpiresAt = fromMicros(notBefore), fromMicros(created), fromMicros(claimed), fromMicros(expires)
	return w, err
}

// PutWork makes a free item for an image; one that is there already is replaced,
// and whoever held it has lost it.
func (t *Tx) PutWork(ctx context.Context, w Work) error {
	_, err := t.exec(ctx, `INSERT INTO work (`+workColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, '', '', 0, 0, '', $10)
		ON CONFLICT (image) DO UPDATE SET stage = excluded.stage, priority = excluded.priority, turn = excluded.turn,
			delayed = excluded.delayed, attempts = excluded.attempts, again = 0,
			not_before = excluded.not_before, created_at = excluded.created_at,
			token = '', worker = '', claimed_at = 0, expires_at = 0, progress = '', trace = excluded.trace`,
		w.Image, w.Account, w.Stage, w.Priority, w.Turn, asInt(w.Delayed), w.Attempts, micros(w.NotBefore), micros(w.CreatedAt), w.Trace)
	return err
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// PutWorkForAll makes an item for every image of a status that has none. Each account's join the line one after another.
func (t *Tx) PutWorkForAll(ctx context.Context, status string, w Work) (int64, error) {
	return t.exec(ctx, `INSERT INTO work (`+workColumns+`)
		SELECT i.id, i.account, $2, $3,
			COALESCE(own.next, head.first) + row_number() OVER (PARTITION BY i.account ORDER BY i.id) - 1,
			0, 0, 0, $4, $4, '', '', 0, 0, '', ''
		FROM images i
		CROSS JOIN (SELECT COALESCE(min(turn), 0) AS first FROM work WHERE token = '' AND delayed = 0 AND priority = $3) head
		LEFT JOIN (SELECT account, max(turn) + 1 AS next FROM work
			WHERE token = '' AND delayed = 0 AND priority = $3 GROUP BY account) own ON own.account = i.account
		WHERE i.status = $1
		ON CONFLICT (image) DO NOTHING`,
		status, w.Stage, w.Priority, micros(w.CreatedAt))
}

// AskAgain has every item that is under way done once more.
func (t *Tx) AskAgain(ctx context.Context) error {
	_, err := t.exec(ctx, `UPDATE work SET again = 1 WHERE expires_at > 0 AND token <> ''`)
	return err
}

// ClaimWork leases the next item in line of all whose priority is least or more;
// ErrNone where there is none. Those who claim at once get different items, and do
// not wait for each other.
func (t *Tx) ClaimWork(ctx context.Context, token, worker string, now, expires time.Time, least int) (Work, error) {
	if err := t.ready(ctx, now); err != nil {
		return Work{}, err
	}
	return scanWork(t.row(ctx, t.dialect.claim(), token, worker, micros(now), micros(expires), least))
}

func (d *dialect) claim() string {
	return `UPDATE work
		SET token = $1, worker = $2, claimed_at = $3, expires_at = $4, attempts = attempts + 1, progress = ''
		WHERE token = '' AND image = (
			SELECT w.image FROM work w JOIN images i ON i.id = w.image
			WHERE w.token = '' AND w.delayed = 0 AND w.priority >= $5
			ORDER BY w.priority, w.turn, w.image LIMIT 1` + d.claimLock + `)
		RETURNING ` + workColumns
}

// hold keeps an image's row, and with it the item of its work, until the
// transaction ends. Whoever changes both comes to the image first: no two wait for
// each other then. An image that is gone has no work either.
func (t *Tx) hold(ctx context.Context, image int64) error {
	if !t.inside || t.dialect.rowLock == "" {
		return nil
	}
	_, err := t.exec(ctx, `SELECT id FROM images WHERE id = $1`+t.dialect.rowLock, image)
	return err
}

// HasWork tells whether there is an item to claim.
func (t *Tx) HasWork(ctx context.Context, now time.Time) (bool, error) {
	var n int
	err := t.one(ctx, `SELECT count(*) FROM (SELECT 1 FROM work WHERE token = '' AND delayed = 0 LIMIT 1) free`, nil, []any{&n})
	if err != nil || n > 0 {
		return n > 0, err
	}
	err = t.one(ctx, `SELECT count(*) FROM (SELECT 1 FROM work WHERE delayed = 1 AND not_before <= $1 AND token = '' LIMIT 1) due`,
		[]any{micros(now)}, []any{&n})
	return n > 0, err
}

// Beat prolongs a lease and writes what its holder does. It tells whether the
// lease still held.
func (t *Tx) Beat(ctx context.Context, image int64, token, progress string, expires time.Time) (bool, error) {
	n, err := t.exec(ctx, `UPDATE work SET expires_at = $3, progress = $4 WHERE image = $1 AND token = $2`,
		image, token, micros(expires), progress)
	return n > 0, err
}

// Holds tells whether a lease still holds, and keeps it so until the transaction ends.
func (t *Tx) Holds(ctx context.Context, image int64, token string) (bool, error) {
	if err := t.hold(ctx, image); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, `UPDATE work SET token = token WHERE image = $1 AND token = $2`, image, token)
	return n > 0, err
}

// Advance takes a leased item to another stage. It tells whether the lease still held.
func (t *Tx) Advance(ctx context.Context, image int64, token, stage string) (bool, error) {
	if err := t.hold(ctx, image); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, `UPDATE work SET stage = $3, attempts = 1, again = 0 WHERE image = $1 AND token = $2`, image, token, stage)
	return n > 0, err
}

// FreeWork ends a lease and leaves the item to be claimed from notBefore on, with
// attempts counted by added more. It tells whether the lease still held.
func (t *Tx) FreeWork(ctx context.Context, image int64, token string, notBefore time.Time, added int) (bool, error) {
	if err := t.hold(ctx, image); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, `UPDATE work SET token = '', worker = '', claimed_at = 0, expires_at = 0, progress = '', again = 0,
			delayed = 1, not_before = $3, attempts = attempts + $4
		WHERE image = $1 AND token = $2`, image, token, micros(notBefore), added)
	return n > 0, err
}

// FinishWork removes a leased item, unless it was asked for again. It tells
// whether it was there, under that lease and not asked for again.
func (t *Tx) FinishWork(ctx context.Context, image int64, token string) (bool, error) {
	if err := t.hold(ctx, image); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, `DELETE FROM work WHERE image = $1 AND token = $2 AND again = 0`, image, token)
	return n > 0, err
}

// DropWork removes a leased item. It tells whether the lease still held.
func (t *Tx) DropWork(ctx context.Context, image int64, token string) (bool, error) {
	if err := t.hold(ctx, image); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, `DELETE FROM work WHERE image = $1 AND token = $2`, image, token)
	return n > 0, err
}

// DeleteWork removes an image's item, whoever has it.
func (t *Tx) DeleteWork(ctx context.Context, image int64) error {
	if err := t.hold(ctx, image); err != nil {
		return err
	}
	_, err := t.exec(ctx, `DELETE FROM work WHERE image = $1`, image)
	return err
}

// Leased are the items whose lease ended before the given time.
func (t *Tx) Leased(ctx context.Context, before time.Time) ([]Work, error) {
	var all []Work
	err := t.each(ctx, `SELECT `+workColumns+` FROM work
		WHERE expires_at > 0 AND expires_at < $1 AND token <> '' ORDER BY image`,
		[]any{micros(before)}, func(rows *sql.Rows) error {
			w, err := scanWork(rows)
			all = append(all, w)
			return err
		})
	return all, err
}

// Work is an image's item; ErrNone where it has none.
func (t *Tx) Work(ctx context.Context, image int64) (Work, error) {
	if err := t.hold(ctx, image); err != nil {
		return Work{}, err
	}
	return scanWork(t.row(ctx, t.kept(`SELECT `+workColumns+` FROM work WHERE image = $1`), image))
}

// Idle are images of a status that no work is there for.
func (t *Tx) Idle(ctx context.Context, status string, limit int) ([]Image, error) {
	var all []Image
	err := t.each(ctx, `SELECT `+imageColumns+` FROM images i
		WHERE i.status = $1 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.image = i.id) ORDER BY i.id LIMIT $2`,
		[]any{status, limit}, func(rows *sql.Rows) error {
			i, err := scanImage(rows)
			all = append(all, i)
			return err
		})
	return all, err
}
