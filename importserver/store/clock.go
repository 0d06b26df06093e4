package store

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is the time that the processes on a store go by: the database's where they
// share one, so that a time which one of them wrote means the same to the others,
// however wrong their machines' clocks are.
type Clock struct {
	store *Store
	own   func() time.Time
	read  atomic.Pointer[reading]
}

// reading is the database's time at a moment.
type reading struct{ time, at time.Time }

// Clock makes a clock of a process's own, which goes by that alone until Set.
func (s *Store) Clock(own func() time.Time) *Clock { return &Clock{store: s, own: own} }

// Now is the time. Since it was read from the database, it goes by what the system
// counts, which is not the machine's clock: that may jump.
func (c *Clock) Now() time.Time {
	if r := c.read.Load(); r != nil {
		return r.time.Add(time.Since(r.at))
	}
	return c.own()
}

// Set reads the database's time, and goes by that from then on. It tells how far the
// database's clock is ahead of the process's own; 0 for a store that is the process's
// alone. An answer that took so long that it says little changes nothing, but for the
// first: that is nearer to the truth than a clock that nobody knows anything of.
func (c *Clock) Set(ctx context.Context) (time.Duration, error) {
	if !c.store.Shared() {
		return 0, nil
	}
	begun := time.Now()
	var now int64
	err := c.store.View().one(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`, nil, []any{&now})
	if err != nil {
		return 0, err
	}
	if took := time.Since(begun); took < time.Second || c.read.Load() == nil {
		c.read.Store(&reading{fromMicros(now), begun.Add(took / 2)})
	}
	return c.Now().Sub(c.own().Round(0)), nil
}
