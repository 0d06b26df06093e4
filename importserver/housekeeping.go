package importserver

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// keepLeases takes work back from workers that fell silent, and the time from the store,
// until ctx ends. It waits for nothing else that is done.
func (s *Server) keepLeases(ctx context.Context) {
	silent := time.NewTicker(max(s.options.Heartbeat/2, 10*time.Millisecond))
	defer silent.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			s.chore(ctx, "look for silent workers", s.expire)
		}
	}
}

// tidyTime is how long the removal of rubbish may take before it begins anew: all blobs
// may have to be looked through.
const tidyTime = time.Hour

// keepHouse removes rubbish until ctx ends. A worker leaves most of it to the servers,
// which have their limits from whoever runs them.
func (s *Server) keepHouse(ctx context.Context) {
	tidy := time.NewTicker(s.options.Housekeeping)
	defer tidy.Stop()
	tidyUp := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tidyTime)
		defer cancel()
		return s.Tidy(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tidy.C:
			s.chore(ctx, "look for silent processes", s.once("processes", s.options.Housekeeping, choreTime, s.watchProcesses))
			if s.options.WorkOnly {
				continue
			}
			s.chore(ctx, "look for lost work", s.once("mend", s.options.Housekeeping, choreTime, s.mend))
			s.chore(ctx, "remove rubbish", s.once("tidy", s.options.Housekeeping, tidyTime, tidyUp))
		case <-s.tidy:
			s.chore(ctx, "remove rubbish", tidyUp)
		}
	}
}

// keepFollowing watches for a new vulnerability database, until ctx ends.
func (s *Server) keepFollowing(ctx context.Context) {
	every := s.options.Housekeeping
	if s.shared { // others wait for this process to have it
		every = max(s.options.Heartbeat/2, 10*time.Millisecond)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.chore(ctx, "watch the vulnerability database", s.watchDatabase)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.follow:
		}
	}
}

func (s *Server) wakeFollower() {
	select {
	case s.follow <- struct{}{}:
	default:
	}
}

// chore does one thing and logs why it could not.
func (s *Server) chore(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "housekeeping", "chore", what, "error", err)
	}
}

func (s *Server) wakeHousekeeper() {
	select {
	case s.tidy <- struct{}{}:
	default:
	}
}

func (s *Server) expire(ctx context.Context) error {
	if err := s.setClock(ctx); err != nil { // a lease is taken back by a time that is known
		return err
	}
	n, err := s.queue.Expire(ctx)
	if n > 0 {
		s.metrics.lost.WithLabelValues().Add(float64(n))
		s.log.WarnContext(ctx, "leases expired", "count", n)
		s.noteService(ctx, wire.EventServiceOrphaned, "a worker fell silent, and its work was taken back", map[string]any{"images": n})
	}
	return err
}

func (s *Server) mend(ctx context.Context) error {
	n, err := s.queue.Mend(ctx)
	if n > 0 {
		s.log.WarnContext(ctx, "lost work made again", "count", n)
	}
	return err
}

// Tidy removes what nothing refers to any more: imports that ended, packages and
// vulnerabilities of no image, and blobs that are old enough not to be part of an
// import under way. What cannot be done keeps nothing else from being done. Run
// calls it from time to time, in every process that shares the store.
func (s *Server) Tidy(ctx context.Context) error {
	now := s.now()
	err := s.store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.DropOperations(ctx, wire.OperationPending, now.Add(-s.options.BlobAge), now)
		return err
	})
	return errors.Join(err, s.dropAccounts(ctx), s.dropEvents(ctx), s.dropUnused(ctx, now), s.dropBlobs(ctx, now))
}

// unusedSetting is when packages and vulnerabilities of no image were last removed.
const unusedSetting = "unused-dropped"

// dropUnused looks through all packages and vulnerabilities, and so does it seldom.
func (s *Server) dropUnused(ctx context.Context, now time.Time) error {
	last, err := s.store.View().Setting(ctx, unusedSetting)
	if err != nil {
		return err
	}
	if lately(last, now, s.options.BlobAge) {
		return nil
	}
	if _, err := s.store.DropUnused(ctx); err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx *store.Tx) error { return tx.SetSetting(ctx, unusedSetting, now.Format(time.RFC3339)) })
}
