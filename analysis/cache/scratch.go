package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/tidepole/tidepole/formats/fault"
)

// Scratch keeps entries for as long as it is open, in files that have no name:
// they are gone when nobody has them open, however a process ends.
type Scratch struct {
	dir   string
	quota *Quota

	mu      sync.Mutex
	entries map[string]*shared // by kind/key
	closed  bool
}

var _ Store = (*Scratch)(nil)

// Temporary is an empty Scratch whose files take their space in dir; "" is the
// system's folder for temporary files.
func Temporary(dir string) *Scratch {
	if dir == "" {
		dir = os.TempDir()
	}
	return &Scratch{dir: dir, entries: map[string]*shared{}}
}

// Within has the files of an empty Scratch count towards a quota.
func (s *Scratch) Within(q *Quota) *Scratch {
	s.quota = q
	return s
}

// Get opens an entry.
func (s *Scratch) Get(ctx context.Context, kind, key string) (Blob, error) {
	if err := errors.Join(checkKind(kind), checkKey(key), context.Cause(ctx)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[kind+"/"+key]
	if !ok {
		return nil, fmt.Errorf("entry %s/%s: %w", kind, key, fs.ErrNotExist)
	}
	return e.open(), nil
}

// Create begins an entry.
func (s *Scratch) Create(ctx context.Context, kind string) (Pending, error) {
	if err := errors.Join(checkKind(kind), context.Cause(ctx)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	f, err := os.CreateTemp(s.dir, kind+"-")
	if err == nil {
		if err = os.Remove(f.Name()); err != nil {
			f.Close()
		}
	}
	if err != nil {
		return nil, s.unwritable(err)
	}
	return &draft{ctx: ctx, scratch: s, kind: kind, file: f}, nil
}

func (s *Scratch) unwritable(err error) error {
	hint := "--temp-dir or TIDEPOLE_TEMP_DIR names a folder that this user can write to"
	if isFull(err) {
		hint = "free space there, or name a folder elsewhere with --temp-dir"
	}
	var named *fs.PathError
	cause := err
	if errors.As(err, &named) {
		cause = named.Err
	}
	return fault.New(fault.Unavailable, "write temporary files in %s: %w", s.dir, cause).WithHint("%s", hint)
}

// Remove forgets an entry.
func (s *Scratch) Remove(_ context.Context, kind, key string) error {
	if err := errors.Join(checkKind(kind), checkKey(key)); err != nil {
		return err
	}
	s.mu.Lock()
	e := s.entries[kind+"/"+key]
	delete(s.entries, kind+"/"+key)
	s.mu.Unlock()
	return e.release()
}

// Close forgets all entries. Blobs stay readable until they are closed.
func (s *Scratch) Close() error {
	s.mu.Lock()
	entries := s.entries
	s.entries, s.closed = nil, true
	s.mu.Unlock()
	var errs []error
	for _, e := range entries {
		errs = append(errs, e.release())
	}
	return errors.Join(errs...)
}

// keep makes a file an entry, unless the Scratch is closed, and opens it.
func (s *Scratch) keep(name string, e *shared) (Blob, error) {
	b := e.open()
	s.mu.Lock()
	old := e
	if !s.closed {
		old, s.entries[name] = s.entries[name], e
	}
	s.mu.Unlock()
	return b, old.release()
}

// draft is an entry of a Scratch that is being written.
type draft struct {
	ctx     context.Context
	scratch *Scratch
	kind    string
	file    *os.File
	size    int64
	err     error
	done    bool
}

// Write appends.
func (d *draft) Write(b []byte) (int, error) {
	if d.done {
		return 0, errEnded
	}
	if d.err == nil {
		d.err = context.Cause(d.ctx)
	}
	if d.err == nil {
		d.err = d.scratch.quota.take(int64(len(b)))
	}
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.file.Write(b)
	d.size += int64(n)
	d.scratch.quota.give(int64(len(b) - n))
	if err != nil {
		d.err = d.scratch.unwritable(err)
	}
	return n, d.err
}

// ReadAt reads what was written.
func (d *draft) ReadAt(b []byte, at int64) (int, error) { return d.file.ReadAt(b, at) }

// WriteAt writes in place of what was written.
func (d *draft) WriteAt(b []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(b)) > d.size {
		return 0, errBeyond
	}
	return d.file.WriteAt(b, at)
}

// Commit makes the file an entry.
func (d *draft) Commit(key string) (Blob, error) {
	if d.done {
		return nil, errEnded
	}
	if err := errors.Join(d.err, checkKey(key)); err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	d.done = true
	return d.scratch.keep(d.kind+"/"+key, &shared{file: d.file, size: d.size, quota: d.scratch.quota, uses: 1})
}

// Discard gives the file up.
func (d *draft) Discard() error {
	if d.done {
		return nil
	}
	d.done = true
	d.scratch.quota.give(d.size)
	return d.file.Close()
}

// shared is a file without a name, closed after its last use.
type shared struct {
	file  *os.File
	size  int64
	quota *Quota
	mu    sync.Mutex
	uses  int
}

func (s *shared) open() *handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses++
	return &handle{s: s}
}

// release ends one use; nil has none.
func (s *shared) release() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uses--; s.uses > 0 {
		return nil
	}
	s.quota.give(s.size)
	return s.file.Close()
}

// handle is one use of a shared file.
type handle struct {
	s    *shared
	once sync.Once
}

// ReadAt reads.
func (h *handle) ReadAt(b []byte, at int64) (int, error) { return h.s.file.ReadAt(b, at) }

// Size is the file's length in bytes.
func (h *handle) Size() int64 { return h.s.size }

// Close ends the use.
func (h *handle) Close() error {
	var err error
	h.once.Do(func() { err = h.s.release() })
	return err
}
