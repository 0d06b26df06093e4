package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// DefaultMaxBytes is what a folder holds unless Options say otherwise: 10 GiB.
const DefaultMaxBytes = 10 << 30

// What lies in the folder. An entry never changes once it has its name.
const (
	folder     = "evidence-v1" // below the one named; changes with what lies in it
	lockFile   = "lock"        // held by who adds or removes entries; holds their bytes, or more
	entriesDir = "entries"     // entries/KIND/the first two of KEY/KEY
	pendingDir = "pending"     // files being written, each locked by its writer
	tagFile    = "CACHEDIR.TAG"
)

// tag tells programs that make backups to leave the folder out.
const tag = "Signature: 8a477f597d28d172789f06886806bc55\n# What tidepole can compute again. See https://bford.info/cachedir/\n"

// Options of a folder.
type Options struct {
	MaxBytes int64            // that all entries take; 0 is DefaultMaxBytes
	Existing bool             // only look: a folder that is not there is fs.ErrNotExist, and leftovers stay
	Now      func() time.Time // nil is time.Now
	Warn     func(error)      // told once why entries cannot be kept; may be nil
	TempDir  string           // for what cannot be written to the folder; "" is the system's
	Quota    *Quota           // counts what is being written, and what is written but not kept; may be nil
}

// Dir is a cache in a folder, shared by the processes of one user.
type Dir struct {
	path string // of the folder that holds nothing else
	opts Options
	root *os.Root
	warn sync.Once

	mu       sync.Mutex // held with lock
	lock     *os.File
	patience time.Duration // of the next wait for lock
	closed   bool
}

var _ Store = (*Dir)(nil)

// Open opens the cache in dir, which is made if need be, and removes what
// processes left unfinished there that were killed. It refuses a folder that
// others can write to, or that cannot be written to or locked.
func Open(dir string, o Options) (*Dir, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	d := &Dir{path: filepath.Join(dir, folder), opts: o, patience: patience}
	if err := d.open(dir); err != nil {
		d.Close()
		if errors.Is(err, fs.ErrNotExist) && o.Existing {
			return nil, fmt.Errorf("open the cache %s: %w", dir, fs.ErrNotExist)
		}
		return nil, unusable(dir, err)
	}
	if !o.Existing {
		d.sweep()
	}
	return d, nil
}

// unusable says what to do about a folder that cannot be a cache.
func unusable(dir string, err error) error {
	if fault.Hint(err) != "" {
		return fmt.Errorf("use the cache folder %s: %w", dir, err)
	}
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return fault.New(fault.Invalid, "use the cache folder %s: %w", dir, err).
		WithHint("--cache-dir or TIDEPOLE_CACHE_DIR names a folder that this user can write to; --no-cache does without one")
}

func (d *Dir) open(dir string) error {
	if !d.opts.Existing {
		if err := os.MkdirAll(d.path, 0o700); err != nil {
			return err
		}
	}
	if err := trust(dir, false); err != nil {
		return err
	}
	if err := trust(d.path, true); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	d.root = root
	for _, name := range []string{entriesDir, pendingDir} {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if d.lock, err = root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR|syscall.O_NONBLOCK, 0o600); err != nil {
		return err
	}
	if _, err := flock(d.lock, syscall.LOCK_SH); err != nil {
		return err // a file system without locks
	}
	if _, err := flock(d.lock, syscall.LOCK_UN); err != nil {
		return err
	}
	if f, err := root.OpenFile(tagFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_, err = f.WriteString(tag)
		return errors.Join(err, f.Close())
	}
	return nil
}

// trust refuses a folder whose content others could exchange: what they put
// there would be taken for what an analysis found.
func trust(dir string, ours bool) error {
	info, err := os.Lstat(dir)
	if err == nil && !ours {
		info, err = os.Stat(dir) // the user may have a link to it
	}
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	me := os.Geteuid()
	switch {
	case !info.IsDir():
		return fault.New(fault.Invalid, "%s is not a folder", dir)
	case owner != me && (ours || owner != 0):
		return fault.New(fault.Forbidden, "%s belongs to another user (%d, not %d)", dir, owner, me).
			WithHint("--cache-dir names a folder of this user's own; --no-cache does without one")
	case info.Mode().Perm()&0o022 != 0 && (ours || info.Mode()&os.ModeSticky == 0):
		return fault.New(fault.Forbidden, "others can write to %s (mode %04o)", dir, info.Mode().Perm()).
			WithHint("chmod go-w %s, or name another folder with --cache-dir", dir)
	}
	return nil
}

// Close gives up what is held open. Blobs stay readable.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	if d.root != nil {
		errs = append(errs, d.root.Close())
	}
	return errors.Join(errs...)
}

// useStep is how exactly the time of the last use is kept: an entry that is
// used often is not written to each time.
const useStep = time.Minute

// ErrMisplaced is the error of a file in place of an entry that is another entry's,
// or was cut. It is removed. It is fs.ErrNotExist, too.
var ErrMisplaced = fmt.Errorf("it is not the entry of that name: %w", fs.ErrNotExist)

// seal is what the file of an entry ends with, after its content: it says which
// entry it is.
func seal(kind, key string) []byte {
	sum := sha256.Sum256([]byte("tidepole cache entry\n" + kind + "/" + key))
	return sum[:]
}

const sealSize = sha256.Size

// Get opens an entry and notes that it was used.
func (d *Dir) Get(ctx context.Context, kind, key string) (Blob, error) {
	if err := errors.Join(checkKind(kind), checkKey(key), context.Cause(ctx)); err != nil {
		return nil, err
	}
	name := entryName(kind, key)
	f, info, err := d.regular(name)
	if err != nil {
		return nil, fmt.Errorf("cache entry %s/%s: %w", kind, key, err)
	}
	size := info.Size() - sealSize
	if size < 0 || !holds(f, size, seal(kind, key)) {
		f.Close()
		_ = d.Remove(ctx, kind, key)
		return nil, fmt.Errorf("cache entry %s/%s: %w", kind, key, ErrMisplaced)
	}
	if now := d.opts.Now(); now.Sub(info.ModTime()).Abs() >= useStep {
		_ = d.root.Chtimes(name, now, now) // where it fails the entry only looks older
	}
	return &blob{file: f, size: size}, nil
}

// holds tells whether a file has those bytes there.
func holds(f *os.File, at int64, want []byte) bool {
	found := make([]byte, len(want))
	_, err := f.ReadAt(found, at)
	return err == nil && bytes.Equal(found, want)
}

// regular opens a file. What is there and is none, as a link or a pipe, is not
// there for whoever reads.
func (d *Dir) regular(name string) (*os.File, fs.FileInfo, error) {
	named, err := d.root.Lstat(name)
	if err != nil || !named.Mode().IsRegular() {
		return nil, nil, absent(err)
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, absent(err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, nil, absent(err)
	}
	return f, info, nil
}

// absent keeps the reason of what cannot be opened: to compute it again is what
// helps in any case.
func absent(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return fmt.Errorf("%w: %v", fs.ErrNotExist, err)
}

// entryName is the path of an entry in the folder.
func entryName(kind, key string) string { return path.Join(entriesDir, kind, key[:2], key) }

// Remove removes an entry; who has it open goes on reading it.
func (d *Dir) Remove(ctx context.Context, kind, key string) error {
	if err := errors.Join(checkKind(kind), checkKey(key)); err != nil {
		return err
	}
	return d.locked(ctx, func() error {
		name := entryName(kind, key)
		size := d.taken(name)
		err := d.root.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			if total, ok := d.total(); ok {
				err = d.setTotal(total - size)
			}
		}
		if err != nil {
			return fmt.Errorf("remove cache entry %s/%s: %w", kind, key, err)
		}
		return nil
	})
}

// tell warns, once.
func (d *Dir) tell(err error) {
	if d.opts.Warn != nil && err != nil {
		d.warn.Do(func() { d.opts.Warn(err) })
	}
}
