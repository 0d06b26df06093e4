package importserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// choreTime is how long a chore may take. With a process that dies at it, it stays for
// Options.LeaseTime.
const choreTime = 10 * time.Minute

// once is a chore that one of the processes on a store does, each time that it is due,
// within a limit. It may be done twice for all that: clocks differ, and a process may be stopped and
// go on.
func (s *Server) once(name string, every, limit time.Duration, do func(context.Context) error) func(context.Context) error {
	if !s.shared {
		return do
	}
	return func(ctx context.Context) error {
		begun := s.now()
		mine, err := s.hold(ctx, name, limit)
		if err != nil || !mine {
			return err
		}
		held, stop := s.holding(ctx, name, limit)
		err = do(held)
		stop()
		return errors.Join(err, s.giveUp(ctx, name, begun.Add(every*9/10)))
	}
}

// holding keeps a chore that this process holds its own until stop, or for as long as
// the limit says. The context ends with that, and where the chore is another's.
func (s *Server) holding(ctx context.Context, name string, limit time.Duration) (held context.Context, stop func()) {
	held, cancel := context.WithTimeout(ctx, limit)
	var keeping sync.WaitGroup
	keeping.Go(func() { s.keepHolding(held, cancel, name) })
	return held, func() {
		cancel()
		keeping.Wait()
	}
}

// keepHolding keeps a chore this process's own until ctx ends, and ends it where that
// is another's by now.
func (s *Server) keepHolding(ctx context.Context, end context.CancelFunc, name string) {
	tick := time.NewTicker(s.options.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.store.InTx(ctx, func(tx *store.Tx) error {
			held, err := tx.KeepChore(ctx, name, s.name, s.now().Add(s.options.LeaseTime))
			if err == nil && !held {
				end()
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "keep a chore", "chore", name, "error", err)
		}
	}
}

// hold makes a chore this process's own for a lease, of which there may be more up to
// the limit; false where it is another's.
func (s *Server) hold(ctx context.Context, name string, limit time.Duration) (held bool, err error) {
	err = s.store.InTx(ctx, func(tx *store.Tx) error {
		now := s.now()
		held, err = tx.HoldChore(ctx, name, s.name, now, now.Add(s.options.LeaseTime), now.Add(max(s.options.LeaseTime, s.options.Housekeeping)+limit))
		return err
	})
	return held, err
}

// giveUp lets others have a chore, from a time on.
func (s *Server) giveUp(ctx context.Context, name string, next time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.store.InTx(ctx, func(tx *store.Tx) error { return tx.LeaveChore(ctx, name, s.name, next) })
}
