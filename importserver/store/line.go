package store

import (
	"context"
	"database/sql"
	"time"
)

// Join is the turn of an account's next item of a priority: after all that the
// account has in line, and not before the line's first. So accounts take turns,
// however much each has waiting.
func (t *Tx) Join(ctx context.Context, account string, priority int) (int64, error) {
	var own, first sql.NullInt64
	err := t.one(ctx, lastTurn, []any{account, priority}, []any{&own})
	if err == nil {
		err = t.one(ctx, firstTurn, []any{priority}, []any{&first})
	}
	if own.Valid {
		return max(own.Int64+1, first.Int64), err
	}
	return first.Int64, err
}

const (
	lastTurn  = `SELECT max(turn) FROM work WHERE account = $1 AND token = '' AND delayed = 0 AND priority = $2`
	firstTurn = `SELECT min(turn) FROM work WHERE token = '' AND delayed = 0 AND priority = $1`
)

// maxReady bounds how many items one claim puts in line.
const maxReady = 100

// ready puts items in line whose time has come: at its beginning, where they would
// stand by now.
func (t *Tx) ready(ctx context.Context, now time.Time) error {
	_, err := t.exec(ctx, t.dialect.ready(), micros(now), maxReady)
	return err
}

func (d *dialect) ready() string {
	const first = `(SELECT min(line.turn) FROM work line WHERE line.token = '' AND line.delayed = 0 AND line.priority = work.priority)`
	return `UPDATE work SET delayed = 0, turn = CASE WHEN turn < ` + first + ` THEN ` + first + ` ELSE turn END
		WHERE delayed = 1 AND token = '' AND image IN (
			SELECT w.image FROM work w JOIN images i ON i.id = w.image
			WHERE w.delayed = 1 AND w.not_before <= $1 AND w.token = '' ORDER BY w.not_before LIMIT $2` + d.claimLock + `)`
}

// Recall has up to limit items whose time comes after latest wait only until now, and
// tells how many there were.
func (s *Store) Recall(ctx context.Context, now, latest time.Time, limit int) (int64, error) {
	var n int64
	err := s.View().one(ctx, `SELECT count(*) FROM (SELECT 1 FROM work WHERE delayed = 1 AND token = '' AND not_before > $1 LIMIT 1) far`,
		[]any{micros(latest)}, []any{&n})
	if err != nil || n == 0 {
		return 0, err
	}
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		n, err = tx.exec(ctx, `UPDATE work SET not_before = $1 WHERE delayed = 1 AND token = '' AND image IN (
			SELECT w.image FROM work w JOIN images i ON i.id = w.image
			WHERE w.delayed = 1 AND w.token = '' AND w.not_before > $2 ORDER BY w.not_before LIMIT $3`+tx.dialect.claimLock+`)`,
			micros(now), micros(latest), limit)
		return err
	})
	return n, err
}

// Hasten puts an image's free item in line with a turn, if it is not there with as
// small a priority already.
func (t *Tx) Hasten(ctx context.Context, image int64, priority int, turn int64, now time.Time) error {
	if err := t.hold(ctx, image); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE work SET delayed = 0, priority = $2, turn = $3, not_before = $4
		WHERE image = $1 AND token = '' AND (delayed = 1 OR priority > $2)`, image, priority, turn, micros(now))
	return err
}

// Place is where a free item stands.
type Place struct {
	Before int // items of its own priority that come before it
	Others int // items of other priorities that are in line
}

// PlaceOf tells where a free item stands: among an account's, or among all where
// that is "". One that waits for its time stands behind the line.
func (t *Tx) PlaceOf(ctx context.Context, w Work, account string) (Place, error) {
	var p Place
	of, args := ``, []any{w.Priority}
	if account != "" {
		of, args = ` AND account = $2`, append(args, account)
	}
	err := t.one(ctx, `SELECT count(*) FROM work WHERE token = '' AND delayed = 0 AND priority <> $1`+of, args, []any{&p.Others})
	if err != nil {
		return p, err
	}
	of, args = ``, []any{w.Priority, w.Turn, w.Image}
	before := `delayed = 0 AND priority = $1 AND (turn < $2 OR (turn = $2 AND image < $3))`
	if w.Delayed {
		args[1] = micros(w.NotBefore)
		before = `priority = $1 AND (delayed = 0 OR not_before < $2 OR (not_before = $2 AND image < $3))`
	}
	if account != "" {
		of, args = ` AND account = $4`, append(args, account)
	}
	err = t.one(ctx, `SELECT count(*) FROM work WHERE token = '' AND `+before+of, args, []any{&p.Before})
	return p, err
}

// Item is an item of work and the digest of its image.
type Item struct {
	Work
	Digest string
}

// The states of items.
const (
	Running = "running" // leased
	Queued  = "queued"  // in line
	Delayed = "delayed" // waiting for their next attempt
)

// sections choose the items of a state and order them.
var sections = map[string]struct{ where, order string }{
	Running: {`w.expires_at > 0 AND w.token <> ''`, `w.claimed_at, w.image`},
	Queued:  {`w.token = '' AND w.delayed = 0`, `w.priority, w.turn, w.image`},
	Delayed: {`w.token = '' AND w.delayed = 1`, `w.not_before, w.image`},
}

// Items are items of a state, in the order in which they are, or will be, taken up:
// an account's, or all where that is "".
func (t *Tx) Items(ctx context.Context, state, account string, skip, limit int) ([]Item, error) {
	section, of, args := sections[state], ``, []any{limit, skip}
	if account != "" {
		of, args = ` AND w.account = $3`, append(args, account)
	}
	var all []Item
	err := t.each(ctx, `SELECT `+itemColumns+` FROM work w JOIN images i ON i.id = w.image
		WHERE `+section.where+of+` ORDER BY `+section.order+` LIMIT $1 OFFSET $2`, args, func(rows *sql.Rows) error {
		var digest string
		w, err := scanWork(with{rows, &digest})
		all = append(all, Item{w, digest})
		return err
	})
	return all, err
}

// CountItems counts the items of a state: an account's, or all where that is "".
func (t *Tx) CountItems(ctx context.Context, state, account string) (int, error) {
	of, args := ``, []any{}
	if account != "" {
		of, args = ` AND w.account = $1`, append(args, account)
	}
	var n int
	err := t.one(ctx, `SELECT count(*) FROM work w WHERE `+sections[state].where+of, args, []any{&n})
	return n, err
}

// CountInLine counts the items in line whose priority is least or more.
func (t *Tx) CountInLine(ctx context.Context, least int, account string) (int, error) {
	of, args := ``, []any{least}
	if account != "" {
		of, args = ` AND account = $2`, append(args, account)
	}
	var n int
	err := t.one(ctx, `SELECT count(*) FROM work WHERE token = '' AND delayed = 0 AND priority >= $1`+of, args, []any{&n})
	return n, err
}

// itemColumns are workColumns of work w, and the image's digest.
const itemColumns = `w.image, w.account, w.stage, w.priority, w.turn, w.delayed, w.attempts, w.again, w.not_before, w.created_at,
	w.token, w.worker, w.claimed_at, w.expires_at, w.progress, w.trace, i.digest`

// with scans a row's further columns too.
type with struct {
	row  scanner
	last any
}

// Scan implements scanner.
func (w with) Scan(into ...any) error { return w.row.Scan(append(into, w.last)...) }
