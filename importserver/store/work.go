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
	Priority  int // small ones first
	Attempts  int // of this stage
	Again     bool
	NotBefore time.Time
	CreatedAt time.Time
	Token     string // of the lease; "" while it is free
	Worker    string
	ExpiresAt time.Time // of the lease
	Progress  string
}

const workColumns = `image, account, stage, priority, attempts, again, not_before, created_at, token, worker, expires_at, progress`

func scanWork(row scanner) (Work, error) {
	var w Work
	var again int
	var notBefore, created, expires int64
	err := row.Scan(&w.Image, &w.Account, &w.Stage, &w.Priority, &w.Attempts, &again, &notBefore, &created,
		&w.Token, &w.Worker, &expires, &w.Progress)
	w.Again = again != 0
	w.NotBefore, w.CreatedAt, w.ExpiresAt = fromMicros(notBefore), fromMicros(created), fromMicros(expires)
	return w, none(err)
}

// PutWork makes a free item for an image; one that is there already is replaced,
// and whoever held it has lost it.
func (t *Tx) PutWork(ctx context.Context, w Work) error {
	_, err := t.exec(ctx, `INSERT INTO work (`+workColumns+`)
		VALUES ($1, $2, $3, $4, $5, 0, $6, $7, '', '', 0, '')
		ON CONFLICT (image) DO UPDATE SET stage = excluded.stage, priority = excluded.priority, attempts = excluded.attempts,
			again = 0, not_before = excluded.not_before, created_at = excluded.created_at,
			token = '', worker = '', expires_at = 0, progress = ''`,
		w.Image, w.Account, w.Stage, w.Priority, w.Attempts, micros(w.NotBefore), micros(w.CreatedAt))
	return err
}

// PutWorkForAll makes an item for every image of a status; those that have one
// will be done once more.
func (t *Tx) PutWorkForAll(ctx context.Context, status string, w Work) (int64, error) {
	return t.exec(ctx, `INSERT INTO work (`+workColumns+`)
		SELECT id, account, $2, $3, 0, 0, $4, $4, '', '', 0, '' FROM images WHERE status = $1
		ON CONFLICT (image) DO UPDATE SET again = 1`,
		status, w.Stage, w.Priority, micros(w.CreatedAt))
}

// AskAgain has every item that is under way done once more.
func (t *Tx) AskAgain(ctx context.Context) error {
	_, err := t.exec(ctx, `UPDATE work SET again = 1 WHERE token <> ''`)
	return err
}

// ClaimWork leases the next free item; ErrNone where there is none. Where several
// processes claim at once, ErrNone may also mean that another was faster.
func (t *Tx) ClaimWork(ctx context.Context, token, worker string, now, expires time.Time) (Work, error) {
	return scanWork(t.q.QueryRowContext(ctx, `UPDATE work
		SET token = $1, worker = $2, expires_at = $3, attempts = attempts + 1, progress = ''
		WHERE token = '' AND image = (
			SELECT image FROM work WHERE token = '' AND not_before <= $4 ORDER BY priority, not_before, image LIMIT 1)
		RETURNING `+workColumns, token, worker, micros(expires), micros(now)))
}

// HasWork tells whether an item is free.
func (t *Tx) HasWork(ctx context.Context, now time.Time) (bool, error) {
	var n int
	err := t.one(ctx, `SELECT count(*) FROM (SELECT 1 FROM work WHERE token = '' AND not_before <= $1 LIMIT 1) free`,
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
	n, err := t.exec(ctx, `UPDATE work SET token = token WHERE image = $1 AND token = $2`, image, token)
	return n > 0, err
}

// Advance takes a leased item to another stage. It tells whether the lease still held.
func (t *Tx) Advance(ctx context.Context, image int64, token, stage string) (bool, error) {
	n, err := t.exec(ctx, `UPDATE work SET stage = $3, attempts = 1, again = 0 WHERE image = $1 AND token = $2`, image, token, stage)
	return n > 0, err
}

// FreeWork ends a lease and leaves the item to be claimed from notBefore on, with
// attempts counted by added more. It tells whether the lease still held.
func (t *Tx) FreeWork(ctx context.Context, image int64, token string, notBefore time.Time, added int) (bool, error) {
	n, err := t.exec(ctx, `UPDATE work SET token = '', worker = '', expires_at = 0, progress = '', again = 0,
			not_before = $3, attempts = attempts + $4
		WHERE image = $1 AND token = $2`, image, token, micros(notBefore), added)
	return n > 0, err
}

// FinishWork removes a leased item, unless it was asked for again. It tells
// whether it was there, under that lease and not asked for again.
func (t *Tx) FinishWork(ctx context.Context, image int64, token string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM work WHERE image = $1 AND token = $2 AND again = 0`, image, token)
	return n > 0, err
}

// DropWork removes a leased item. It tells whether the lease still held.
func (t *Tx) DropWork(ctx context.Context, image int64, token string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM work WHERE image = $1 AND token = $2`, image, token)
	return n > 0, err
}

// Leased are the items whose lease ended before the given time.
func (t *Tx) Leased(ctx context.Context, before time.Time) ([]Work, error) {
	var all []Work
	err := t.each(ctx, `SELECT `+workColumns+` FROM work WHERE token <> '' AND expires_at < $1 ORDER BY image`,
		[]any{micros(before)}, func(rows *sql.Rows) error {
			w, err := scanWork(rows)
			all = append(all, w)
			return err
		})
	return all, err
}

// Work is an image's item; ErrNone where it has none.
func (t *Tx) Work(ctx context.Context, image int64) (Work, error) {
	return scanWork(t.q.QueryRowContext(ctx, `SELECT `+workColumns+` FROM work WHERE image = $1`, image))
}

// Ahead counts the free items that will be claimed before w: of an account, or of all
// where that is "".
func (t *Tx) Ahead(ctx context.Context, w Work, account string) (int, error) {
	query, args := `SELECT count(*) FROM work WHERE token = ''
		AND (priority < $1 OR (priority = $1 AND (not_before < $2 OR (not_before = $2 AND image < $3))))`, []any{w.Priority, micros(w.NotBefore), w.Image}
	if account != "" {
		query, args = query+` AND image IN (SELECT id FROM images WHERE account = $4)`, append(args, account)
	}
	var n int
	err := t.one(ctx, query, args, []any{&n})
	return n, err
}

// Idle are images of a status that no work is there for.
func (t *Tx) Idle(ctx context.Context, status string, limit int) ([]Image, error) {
	var all []Image
	err := t.each(ctx, `SELECT `+imageColumns+` FROM images i
		WHERE i.status = $1 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.image = i.id) LIMIT $2`,
		[]any{status, limit}, func(rows *sql.Rows) error {
			i, err := scanImage(rows)
			all = append(all, i)
			return err
		})
	return all, err
}

// Backlog is how much work there is.
type Backlog struct {
	Free, Leased int
	Oldest       time.Time // when the oldest free item was made; zero where there is none
}

// Backlog counts the work by stage.
func (t *Tx) Backlog(ctx context.Context) (map[string]Backlog, error) {
	all := map[string]Backlog{}
	err := t.each(ctx, `SELECT stage,
			sum(CASE WHEN token = '' THEN 1 ELSE 0 END), sum(CASE WHEN token <> '' THEN 1 ELSE 0 END),
			min(CASE WHEN token = '' THEN created_at END)
		FROM work GROUP BY stage`, nil, func(rows *sql.Rows) error {
		var stage string
		var b Backlog
		var oldest sql.NullInt64
		err := rows.Scan(&stage, &b.Free, &b.Leased, &oldest)
		b.Oldest = fromMicros(oldest.Int64)
		all[stage] = b
		return err
	})
	return all, err
}
