package cache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/tidepole/tidepole/formats/fault"
)

// isPending tells the names of files being written: their kind, and a random end.
func isPending(name string) bool {
	dash := strings.LastIndexByte(name, '-')
	return dash > 0 && isKind(name[:dash]) && isName(name[dash+1:], hexDigits, hexDigits, 16, 16)
}

const hexDigits = digits + "abcdef"

// attempts bounds how often a file's name is chosen anew, and how often room is
// made for one write.
const attempts = 100

// pending is a file of pendingDir, locked while it is written.
type pending struct {
	ctx  context.Context
	dir  *Dir
	kind string
	name string // path in the folder
	file *os.File
	size int64
	err  error // of the first write that failed
	done bool

	moved Pending // where it goes on that could not be written here
}

// Create begins an entry. Where the folder cannot be written to any longer, or
// its disk is full and no older entry is left to give way, the entry is written
// to a temporary file, and is not kept: an analysis does not need a cache.
func (d *Dir) Create(ctx context.Context, kind string) (Pending, error) {
	if err := errors.Join(checkKind(kind), context.Cause(ctx)); err != nil {
		return nil, err
	}
	p, err := d.create(ctx, kind)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, fs.ErrClosed):
		return nil, errClosed
	}
	to, err := d.temporary(ctx, kind, err)
	if err != nil {
		return nil, err
	}
	return &pending{ctx: ctx, dir: d, kind: kind, moved: to}, nil
}

// temporary begins an entry elsewhere, because of why.
func (d *Dir) temporary(ctx context.Context, kind string, why error) (Pending, error) {
	if context.Cause(ctx) != nil { // who interrupts need not be warned
		return nil, context.Cause(ctx)
	}
	d.tell(why)
	own := Temporary(d.opts.TempDir).Within(d.opts.Quota)
	p, err := own.Create(ctx, kind)
	return loose{p, own}, err
}

// loose is an entry of a store that has no other.
type loose struct {
	Pending
	store *Scratch
}

// Commit opens what was written: there is no other way to it.
func (l loose) Commit(key string) (Blob, error) {
	b, err := l.Pending.Commit(key)
	return b, errors.Join(err, l.store.Close())
}

// create begins an entry in the folder.
func (d *Dir) create(ctx context.Context, kind string) (Pending, error) {
	for range attempts {
		name := path.Join(pendingDir, kind+"-"+random())
		f, err := d.createLocked(name)
		switch {
		case f != nil:
			return &pending{ctx: ctx, dir: d, kind: kind, name: name, file: f}, nil
		case errors.Is(err, fs.ErrNotExist):
			if mkErr := d.root.Mkdir(pendingDir, 0o700); errors.Is(mkErr, fs.ErrNotExist) {
				return nil, fault.New(fault.Unavailable, "the cache folder %s was removed while it was in use", d.path).
					WithHint("run the command again; tidepole cache clear empties the folder at any time")
			}
		case isFull(err) && d.freeSome(ctx, 1):
		case isFull(err):
			return nil, d.full(err)
		case err != nil:
			return nil, unusable(d.path, err)
		}
	}
	return nil, fault.New(fault.Unavailable, "make a file in the cache folder %s: others remove it each time", d.path).
		WithHint("run the command again, or without the cache: --no-cache")
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// createLocked makes a file that no sweep removes. It gives nil where one was
// faster than the lock.
func (d *Dir) createLocked(name string) (*os.File, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := flock(f, syscall.LOCK_EX)
	if ok && d.isStill(f, name) {
		return f, nil
	}
	f.Close()
	_ = d.root.Remove(name)
	return nil, err
}

// isStill tells whether a file is the one of that name.
func (d *Dir) isStill(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := d.root.Lstat(name)
	return err == nil && os.SameFile(mine, named)
}

// Write appends.
func (p *pending) Write(b []byte) (int, error) {
	if p.done {
		return 0, errEnded
	}
	if p.moved != nil {
		return p.moved.Write(b)
	}
	if p.err == nil {
		p.err = context.Cause(p.ctx)
	}
	if p.err == nil {
		p.err = p.dir.opts.Quota.take(int64(len(b)))
	}
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.append(b)
	p.size += int64(n)
	p.dir.opts.Quota.give(int64(len(b) - n))
	if err == nil {
		return n, nil
	}
	if p.err = p.move(err); p.err != nil {
		return n, p.err
	}
	more, err := p.moved.Write(b[n:])
	return n + more, err
}

// append writes at the end of the file. Where the disk is full, older entries give
// way.
func (p *pending) append(b []byte) (int, error) {
	n, err := p.file.Write(b)
	for range attempts {
		if !isFull(err) || !p.dir.freeSome(p.ctx, p.size) {
			break
		}
		var more int
		more, err = p.file.Write(b[n:])
		n += more
	}
	return n, err
}

// move has what was written go on in a temporary file, because of why.
func (p *pending) move(why error) error {
	if isFull(why) {
		why = p.dir.full(why)
	}
	to, err := p.dir.temporary(p.ctx, p.kind, why)
	if err != nil {
		return err
	}
	p.dir.opts.Quota.give(p.size) // the copy counts
	if _, err := io.Copy(to, io.NewSectionReader(p.file, 0, p.size)); err != nil {
		p.dir.opts.Quota.give(-p.size)
		return errors.Join(err, to.Discard())
	}
	p.moved = to
	_ = p.dir.root.Remove(p.name)
	return p.file.Close()
}

// ReadAt reads what was written.
func (p *pending) ReadAt(b []byte, at int64) (int, error) {
	if p.moved != nil {
		return p.moved.ReadAt(b, at)
	}
	return p.file.ReadAt(b, at)
}

// WriteAt writes in place of what was written.
func (p *pending) WriteAt(b []byte, at int64) (int, error) {
	if p.moved != nil {
		return p.moved.WriteAt(b, at)
	}
	if at < 0 || at+int64(len(b)) > p.size {
		return 0, errBeyond
	}
	n, err := p.file.WriteAt(b, at)
	if err == nil {
		return n, nil
	}
	if err := p.move(err); err != nil { // some disks need space to write in place
		return n, err
	}
	return p.moved.WriteAt(b, at)
}

// full says what can be done about a disk without space, on which nothing but
// entries in use is left of the cache.
func (d *Dir) full(err error) error {
	f := fault.New(fault.Unavailable, "no space left in the cache folder %s", d.path).
		WithHint("free space there, or name a folder elsewhere: --cache-dir, or --no-cache with --temp-dir")
	f.Err = err
	return f
}

// Commit gives the file its place among the entries.
func (p *pending) Commit(key string) (Blob, error) {
	if p.done {
		return nil, errEnded
	}
	if err := errors.Join(p.err, checkKey(key)); err != nil {
		return nil, errors.Join(err, p.Discard())
	}
	p.done = true
	if p.moved != nil {
		return p.moved.Commit(key)
	}
	if err := p.dir.keep(p, key); err != nil {
		if context.Cause(p.ctx) == nil { // who interrupts need not be warned
			p.dir.tell(err)
		}
		_ = p.dir.root.Remove(p.name)
		return &blob{file: p.file, size: p.size, quota: p.dir.opts.Quota}, nil
	}
	p.dir.opts.Quota.give(p.size)
	_, _ = flock(p.file, syscall.LOCK_UN)
	return &blob{file: p.file, size: p.size}, nil
}

// Discard removes the file.
func (p *pending) Discard() error {
	if p.done {
		return nil
	}
	p.done = true
	if p.moved != nil {
		return p.moved.Discard()
	}
	p.dir.opts.Quota.give(p.size)
	err := p.dir.root.Remove(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, p.file.Close())
}

// keep moves a pending file to its place, once there is room for it.
func (d *Dir) keep(p *pending, key string) error {
	name, size := entryName(p.kind, key), charge(p.size+sealSize)
	if size > d.opts.MaxBytes {
		return fault.New(fault.TooLarge, "an entry of %d bytes is not kept: the cache holds %d at most", p.size, d.opts.MaxBytes).
			WithHint("raise cache.max-size (TIDEPOLE_CACHE_MAX_SIZE)")
	}
	if _, err := p.append(seal(p.kind, key)); err != nil {
		return fmt.Errorf("keep an entry in the cache %s: %w", d.path, err)
	}
	err := d.locked(p.ctx, func() error {
		if err := d.reserve(size, name); err != nil {
			return err
		}
		now := d.opts.Now()
		_ = d.root.Chtimes(p.name, now, now)
		if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return err
		}
		return d.root.Rename(p.name, name)
	})
	if err != nil {
		return fmt.Errorf("keep an entry in the cache %s: %w", d.path, err)
	}
	return nil
}

// sweep removes what processes that live no more left unfinished.
func (d *Dir) sweep() (files int, bytes int64) {
	list, _ := d.readDir(pendingDir)
	for _, e := range list {
		if !e.Type().IsRegular() || !isPending(e.Name()) {
			continue
		}
		name := path.Join(pendingDir, e.Name())
		f, info, err := d.regular(name)
		if err != nil {
			continue
		}
		if ok, _ := flock(f, syscall.LOCK_EX); ok && d.isStill(f, name) && d.root.Remove(name) == nil {
			files, bytes = files+1, bytes+info.Size()
		}
		f.Close()
	}
	return files, bytes
}
