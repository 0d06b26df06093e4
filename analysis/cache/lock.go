package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// patience is how long another process is waited for that changes what the folder holds.
var patience = 5 * time.Second

// lockPause is between two tries to lock.
const lockPause = 5 * time.Millisecond

// locked runs do while no other process or goroutine adds or removes entries.
func (d *Dir) locked(ctx context.Context, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	deadline := time.Now().Add(d.patience)
	for {
		ok, err := flock(d.lock, syscall.LOCK_EX)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if time.Now().After(deadline) {
			d.patience = 0 // once is enough to wait for a process that hangs
			return fault.New(fault.Conflict, "another process has been changing the cache %s for more than %s", d.path, patience).
				WithHint("try again, or go on without it: --no-cache")
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPause):
		}
	}
	d.patience = patience
	defer flock(d.lock, syscall.LOCK_UN)
	return do()
}

// flock locks or unlocks without waiting; false says that somebody else holds
// the lock. A lock ends with its process at the latest.
func flock(f *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}
