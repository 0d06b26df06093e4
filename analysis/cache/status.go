package cache

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Status is what a folder holds.
type Status struct {
	Path       string // of the folder
	MaxBytes   int64
	Entries    int
	Bytes      int64     // what the entries take on disk, rounded up to blocks of 4 KiB
	Oldest     time.Time // last use of the entry that goes first; zero where there is none
	Newest     time.Time // the latest use
	Kinds      []Kind    // by name
	Pending    Files     // being written now
	Unfinished Files     // left by processes that were killed
	Foreign    []string  // paths in the folder of what is no part of the cache; 1,000 at most
}

// Kind is what a folder holds of one kind.
type Kind struct {
	Name           string
	Entries        int
	Bytes          int64
	Oldest, Newest time.Time
}

// Files are some files.
type Files struct {
	Count int
	Bytes int64
}

// maxForeign bounds how many foreign paths are named.
const maxForeign = 1000

// Status looks at the folder as it is; others may be changing it.
func (d *Dir) Status(ctx context.Context) (Status, error) {
	if err := context.Cause(ctx); err != nil {
		return Status{}, err
	}
	s := Status{Path: d.path, MaxBytes: d.opts.MaxBytes}
	all, foreign := d.scan()
	for _, e := range all {
		s.count(e)
	}
	slices.SortFunc(s.Kinds, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	s.Foreign = append(d.strangers(), foreign...)
	d.unfinished(&s)
	slices.Sort(s.Foreign)
	s.Foreign = s.Foreign[:min(len(s.Foreign), maxForeign)]
	return s, nil
}

func (s *Status) count(e entry) {
	at := slices.IndexFunc(s.Kinds, func(k Kind) bool { return k.Name == e.kind })
	if at < 0 {
		at = len(s.Kinds)
		s.Kinds = append(s.Kinds, Kind{Name: e.kind, Oldest: e.used, Newest: e.used})
	}
	k := &s.Kinds[at]
	k.Entries, k.Bytes = k.Entries+1, k.Bytes+charge(e.size)
	k.Oldest, k.Newest = earlier(k.Oldest, e.used), later(k.Newest, e.used)
	if s.Entries == 0 {
		s.Oldest, s.Newest = e.used, e.used
	}
	s.Entries, s.Bytes = s.Entries+1, s.Bytes+charge(e.size)
	s.Oldest, s.Newest = earlier(s.Oldest, e.used), later(s.Newest, e.used)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// strangers are the things at the top of the folder that are no part of it.
func (d *Dir) strangers() []string {
	list, _ := d.readDir(".")
	var names []string
	for _, e := range list {
		switch e.Name() {
		case lockFile, tagFile, entriesDir, pendingDir:
		default:
			names = append(names, e.Name())
		}
	}
	return names
}

// unfinished counts the files being written, and those that nobody writes.
func (d *Dir) unfinished(s *Status) {
	list, _ := d.readDir(pendingDir)
	for _, e := range list {
		name := path.Join(pendingDir, e.Name())
		if !e.Type().IsRegular() || !isPending(e.Name()) {
			s.Foreign = append(s.Foreign, name)
			continue
		}
		f, info, err := d.regular(name)
		if err != nil {
			continue
		}
		at := &s.Pending
		if ok, _ := flock(f, syscall.LOCK_SH); ok {
			at = &s.Unfinished
		}
		at.Count, at.Bytes = at.Count+1, at.Bytes+info.Size()
		f.Close()
	}
}

// Freed is what a Clear removed.
type Freed struct {
	Entries    int
	Bytes      int64 // of the entries
	Unfinished Files // left by processes that were killed
}

// Clear removes the entries that were last used before that time, all where it
// is zero, and what processes that were killed left. What is being written or
// read, and what is no part of the cache, stays.
func (d *Dir) Clear(ctx context.Context, before time.Time) (Freed, error) {
	var freed Freed
	freed.Unfinished.Count, freed.Unfinished.Bytes = d.sweep()
	err := d.locked(ctx, func() error {
		all, _ := d.scan()
		var rest int64
		var errs []error
		for _, e := range all {
			if ctx.Err() != nil || !before.IsZero() && !e.used.Before(before) {
				rest += charge(e.size)
				continue
			}
			if err := d.root.Remove(e.name); err != nil {
				errs, rest = append(errs, err), rest+charge(e.size)
				continue
			}
			freed.Entries, freed.Bytes = freed.Entries+1, freed.Bytes+charge(e.size)
		}
		d.prune()
		return errors.Join(append(errs, d.setTotal(rest), context.Cause(ctx))...)
	})
	if err != nil {
		err = fmt.Errorf("clear the cache %s: %w", d.path, err)
	}
	return freed, err
}

// prune removes folders of entries that are empty. The caller holds the lock.
func (d *Dir) prune() {
	kindDirs, _ := d.readDir(entriesDir)
	for _, k := range kindDirs {
		if !k.IsDir() {
			continue
		}
		at := path.Join(entriesDir, k.Name())
		groups, _ := d.readDir(at)
		for _, g := range groups {
			if g.IsDir() {
				_ = d.root.Remove(path.Join(at, g.Name())) // fails where it is not empty
			}
		}
		_ = d.root.Remove(at)
	}
}
