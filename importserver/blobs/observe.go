package blobs

import (
	"context"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// Observer is told what an operation took (open, keep or delete), and whether the
// storage failed at it: that there is no such blob is no failure.
type Observer func(operation string, took time.Duration, failed bool)

// Observe has o told of every operation from now on. Call it before the store is used.
func (s *Store) Observe(o Observer) { s.observer = o }

// observe tells of an operation that has ended.
func (s *Store) observe(operation string, begun time.Time, err *error) {
	if s.observer != nil {
		s.observer(operation, time.Since(begun), fault.Of(*err) == fault.Unavailable)
	}
}

// Reach tells why the place where an installation's blobs are cannot be reached, or is
// not that place any more; nil where all is well.
func (s *Store) Reach(ctx context.Context, installation string) error {
	owner, err := s.Owner(ctx)
	if err == nil && owner != installation {
		err = fault.New(fault.Unavailable, "reach the blobs in %s: they are not there, or another installation's (%.100q; this one is %q)", s.place, owner, installation).
			WithHint("see whether what belongs there is mounted, and whether the server's --blobs names the right place")
	}
	return err
}
