package importserver

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/importserver/evidence"
	"github.com/tidepole/tidepole/importserver/store"
)

func (s *Server) keeper() evidence.Keeper {
	return evidence.Keeper{Store: s.store, Blobs: s.blobs, Now: s.now}
}

const (
	scrubbedSetting = "blobs-scrubbed"
	abandoned       = 24 * time.Hour // after this, what is incomplete is nobody's any more
)

// dropBlobs removes blobs that nothing refers to, as long as they are this
// installation's: it may have been moved, or its blobs taken over, while this process
// runs.
func (s *Server) dropBlobs(ctx context.Context, now time.Time) error {
	if err := s.store.View().Stayed(ctx); err != nil {
		return err
	}
	if err := s.blobs.Reach(ctx, s.installation); err != nil {
		return err
	}
	return errors.Join(s.keeper().Collect(ctx, now.Add(-s.options.BlobAge)), s.scrub(ctx, now))
}

// lately tells whether a time that was kept as text is no longer ago than a while. One
// that is to come was written when the clock was wrong, and tells nothing.
func lately(last string, now time.Time, while time.Duration) bool {
	t, err := time.Parse(time.RFC3339, last)
	return err == nil && !t.After(now) && now.Sub(t) < while
}

// scrub looks for blobs without a row. That means to list all of them, and so is
// done each Options.Scrub only.
func (s *Server) scrub(ctx context.Context, now time.Time) error {
	last, err := s.store.View().Setting(ctx, scrubbedSetting)
	if err != nil {
		return err
	}
	if lately(last, now, s.options.Scrub) {
		return nil
	}
	since := now.Add(-abandoned)
	if !s.shared && s.begun.After(since) {
		since = s.begun // what this process did not begin nobody will end
	}
	unknown, unended, err := s.keeper().Scrub(ctx, since)
	if unknown+unended > 0 {
		s.log.InfoContext(ctx, "blobs scrubbed", "without_row", unknown, "unended", unended)
	}
	if err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.SetSetting(ctx, scrubbedSetting, now.Format(time.RFC3339))
	})
}
