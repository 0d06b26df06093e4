package store

import (
	"context"
	"time"
)

// HoldChore makes a chore a process's own until a time, unless another's is it now. It
// tells whether it did. What is held beyond latest was not held by a clock that goes
// right, and counts for nothing.
func (t *Tx) HoldChore(ctx context.Context, name, holder string, now, until, latest time.Time) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO chores (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE chores.until <= $4 OR chores.until > $5`,
		name, holder, micros(until), micros(now), micros(latest))
	return n > 0, err
}

// KeepChore prolongs the time for which a process holds a chore. It tells whether the
// process held it still.
func (t *Tx) KeepChore(ctx context.Context, name, holder string, until time.Time) (bool, error) {
	n, err := t.exec(ctx, `UPDATE chores SET until = $3 WHERE name = $1 AND holder = $2`, name, holder, micros(until))
	return n > 0, err
}

// LeaveChore ends that a process holds a chore: nobody does it again before the time
// given.
func (t *Tx) LeaveChore(ctx context.Context, name, holder string, next time.Time) error {
	_, err := t.exec(ctx, `UPDATE chores SET until = $3 WHERE name = $1 AND holder = $2`, name, holder, micros(next))
	return err
}
