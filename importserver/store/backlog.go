package store

import (
	"context"
	"database/sql"
	"time"
)

// Backlog is how much work there is.
type Backlog struct {
	Free, Leased int
	Oldest       time.Time // when the oldest free item was made; zero where there is none
}

// Lines counts the work by stage, and by whether its priority is that of bulk or
// comes after it.
func (t *Tx) Lines(ctx context.Context, bulk int) (map[string]map[bool]Backlog, error) {
	all := map[string]map[bool]Backlog{}
	err := t.each(ctx, `SELECT stage, priority,
			sum(CASE WHEN token = '' THEN 1 ELSE 0 END), sum(CASE WHEN token <> '' THEN 1 ELSE 0 END),
			min(CASE WHEN token = '' THEN created_at END)
		FROM work GROUP BY stage, priority`, nil, func(rows *sql.Rows) error {
		var stage string
		var priority int
		var b Backlog
		var oldest sql.NullInt64
		err := rows.Scan(&stage, &priority, &b.Free, &b.Leased, &oldest)
		b.Oldest = fromMicros(oldest.Int64)
		if all[stage] == nil {
			all[stage] = map[bool]Backlog{}
		}
		all[stage][priority >= bulk] = all[stage][priority >= bulk].and(b)
		return err
	})
	return all, err
}

// and is the work of both.
func (b Backlog) and(c Backlog) Backlog {
	oldest := b.Oldest
	if oldest.IsZero() || !c.Oldest.IsZero() && c.Oldest.Before(oldest) {
		oldest = c.Oldest
	}
	return Backlog{Free: b.Free + c.Free, Leased: b.Leased + c.Leased, Oldest: oldest}
}

// CountOperations counts all accounts' imports of a status that have not expired.
func (t *Tx) CountOperations(ctx context.Context, status string, now time.Time) (n int, err error) {
	err = t.one(ctx, `SELECT count(*) FROM operations WHERE status = $1 AND expires_at > $2`,
		[]any{status, micros(now)}, []any{&n})
	return n, err
}
