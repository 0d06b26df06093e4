package vulns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// lockPatience is how long an import waits for another one, or for a sweep.
const lockPatience = 3 * time.Second

// lockImports makes the caller the only one, of all processes, that changes
// what the folder holds. Closing the file gives that up.
func (d *Database) lockImports(ctx context.Context) (*os.File, error) {
	deadline := time.NewTimer(lockPatience)
	defer deadline.Stop()
	for {
		f, err := d.tryLockImports()
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-deadline.C:
			return nil, fault.New(fault.Conflict, "another import of a vulnerability database is running").
				WithHint("wait until it has ended, then see: tidepole vulndb status")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tryLockImports gives nil where somebody else holds the lock.
func (d *Database) tryLockImports() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(d.opts.Dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the vulnerability database's folder: %w", err)
	}
	ok, err := flock(f, syscall.LOCK_EX)
	if err != nil || !ok {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockShared takes hold of a generation's folder; errGone says that it was
// removed, or is just being removed.
func lockShared(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", filepath.Base(dir), errGone)
	}
	if err != nil {
		return nil, err
	}
	ok, err := flock(f, syscall.LOCK_SH)
	if err == nil && (!ok || !stillThere(f, dir)) {
		err = fmt.Errorf("%s: %w", filepath.Base(dir), errGone)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func stillThere(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(mine, named)
}

// flock locks without waiting; the lock ends with the process at the latest.
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

// sweep removes unfinished imports and generations that nobody uses. While an
// import runs it does nothing: the import sweeps at its end.
func (d *Database) sweep() error {
	lock, err := d.tryLockImports()
	if lock == nil || err != nil {
		return err
	}
	defer lock.Close()
	return d.sweepLocked()
}

func (d *Database) sweepLocked() error {
	current, err := readCurrent(d.opts.Dir)
	if err != nil {
		return nil // nothing is removed while it is unknown what is in use
	}
	entries, err := os.ReadDir(d.opts.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, stagingPrefix):
			errs = append(errs, os.RemoveAll(filepath.Join(d.opts.Dir, name)))
		case strings.HasPrefix(name, namePrefix) && name != current:
			errs = append(errs, removeUnused(filepath.Join(d.opts.Dir, name)))
		}
	}
	return errors.Join(errs...)
}

// removeUnused removes a generation unless a process holds it.
func removeUnused(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	ok, err := flock(f, syscall.LOCK_EX)
	if err != nil || !ok {
		return err
	}
	return os.RemoveAll(dir)
}
