package importserver

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// keepHouse removes rubbish, takes work back from workers that fell silent and
// watches for a new vulnerability database, until ctx ends.
func (s *Server) keepHouse(ctx context.Context) {
	tidy := time.NewTicker(s.options.Housekeeping)
	defer tidy.Stop()
	silent := time.NewTicker(max(s.options.Heartbeat/2, 10*time.Millisecond))
	defer silent.Stop()
	s.chore(ctx, "watch the vulnerability database", s.watchDatabase)
	for {
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			s.chore(ctx, "look for silent workers", s.expire)
		case <-tidy.C:
			s.chore(ctx, "watch the vulnerability database", s.watchDatabase)
			s.chore(ctx, "look for lost work", s.mend)
			s.chore(ctx, "remove rubbish", s.Tidy)
		case <-s.tidy:
			s.chore(ctx, "remove rubbish", s.Tidy)
		}
	}
}

// chore does one thing and logs why it could not.
func (s *Server) chore(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("housekeeping", "chore", what, "error", err)
	}
}

func (s *Server) wakeHousekeeper() {
	select {
	case s.tidy <- struct{}{}:
	default:
	}
}

func (s *Server) expire(ctx context.Context) error {
	n, err := s.queue.Expire(ctx)
	if n > 0 {
		s.metrics.lost.Add(float64(n))
		s.log.Warn("leases expired", "count", n)
		s.noteService(ctx, wire.EventServiceOrphaned, "a worker fell silent, and its work was taken back", map[string]any{"images": n})
	}
	return err
}

func (s *Server) mend(ctx context.Context) error {
	n, err := s.queue.Mend(ctx)
	if n > 0 {
		s.log.Warn("lost work made again", "count", n)
	}
	return err
}

// Tidy removes what nothing refers to any more: imports that ended, packages and
// vulnerabilities of no image, and blobs that are old enough not to be part of an
// import under way. What cannot be done keeps nothing else from being done. Run
// calls it from time to time.
func (s *Server) Tidy(ctx context.Context) error {
	now := s.now()
	err := s.store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.DropOperations(ctx, wire.OperationPending, now.Add(-s.options.BlobAge), now)
		return err
	})
	return errors.Join(err, s.dropAccounts(ctx), s.dropEvents(ctx), s.dropUnused(ctx, now), s.collect(ctx, now.Add(-s.options.BlobAge)))
}

// unusedSetting is when packages and vulnerabilities of no image were last removed.
const unusedSetting = "unused-dropped"

// dropUnused looks through all packages and vulnerabilities, and so does it seldom.
func (s *Server) dropUnused(ctx context.Context, now time.Time) error {
	last, err := s.store.View().Setting(ctx, unusedSetting)
	if err != nil {
		return err
	}
	if t, err := time.Parse(time.RFC3339, last); err == nil && now.Sub(t) < s.options.BlobAge {
		return nil
	}
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.DropUnused(ctx); err != nil {
			return err
		}
		return tx.SetSetting(ctx, unusedSetting, now.Format(time.RFC3339))
	})
}

// collect removes the blobs that nothing refers to and that nobody brought since.
func (s *Server) collect(ctx context.Context, since time.Time) error {
	for {
		digests, err := s.store.View().Rubbish(ctx, since, 100)
		if err != nil || len(digests) == 0 {
			return err
		}
		for _, d := range digests {
			err := s.store.InTx(ctx, func(tx *store.Tx) error {
				gone, err := tx.ForgetBlob(ctx, d, since)
				if err != nil || !gone {
					return err
				}
				return s.blobs.Delete(ctx, d)
			})
			if err != nil {
				return err
			}
		}
	}
}
