// Package cache keeps what was computed once, as files under a kind and a key:
// in a folder that processes of one user share, bounded and the least recently
// used out first, or in temporary files that nothing outlives.
//
// It does not know what it keeps. A key must say all that an entry depends on,
// and whoever reads an entry verifies it: a damaged one is removed and computed
// again. That an entry is the one of its key, and not another one that came to its
// place when files were copied or repaired, the folder sees to.
package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/tidepole/tidepole/formats/fault"
)

// Store keeps entries. Its methods, and those of different Pendings and Blobs,
// may be called from many goroutines.
type Store interface {
	// Get opens an entry; fs.ErrNotExist says that there is none.
	Get(ctx context.Context, kind, key string) (Blob, error)
	// Create begins an entry, whose key need not be known yet. Writing to it
	// ends with ctx.
	Create(ctx context.Context, kind string) (Pending, error)
	// Remove removes an entry that its reader found to be damaged. That there
	// is none is no error.
	Remove(ctx context.Context, kind, key string) error
}

// Blob is an entry, opened. It stays readable until Close, even if the entry is
// removed or the store is closed.
type Blob interface {
	io.ReaderAt
	Size() int64 // bytes
	Close() error
}

// Pending is an entry that is being written. It ends with Commit or Discard;
// Discard after Commit does nothing.
type Pending interface {
	io.Writer
	io.ReaderAt // what was written so far
	io.WriterAt // in place of that
	// Commit makes what was written the entry of that key, in one step, and
	// opens it. Of equal entries that are committed at once, any may win. It
	// fails if a Write failed. That a store has no room for an entry is no
	// error: the Blob is then the only way to it.
	Commit(key string) (Blob, error)
	Discard() error
}

// Kinds and keys are names of files. They are checked by hand, as patterns of
// such lengths would slow the start of every command.
const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

// isName tells whether s has a length between shortest and longest, consists of
// those bytes, and begins with one of first.
func isName(s, first, all string, shortest, longest int) bool {
	return len(s) >= shortest && len(s) <= longest &&
		strings.IndexByte(first, s[0]) >= 0 && strings.Trim(s, all) == ""
}

func isKind(s string) bool { return isName(s, lower, lower+"-", 1, 32) }

// checkKind refuses what cannot be the name of a kind: 1 to 32 of a-z and -.
func checkKind(kind string) error {
	if !isKind(kind) {
		return fault.New(fault.Invalid, "%.64q cannot be a kind of cache entries", kind)
	}
	return nil
}

// checkKey refuses what cannot be a key: 8 to 200 of 0-9, a-z, ".", "_" and "-",
// the first a digit or a letter.
func checkKey(key string) error {
	if !isName(key, digits+lower, digits+lower+"._-", 8, 200) {
		return fault.New(fault.Invalid, "%.64q cannot be the key of a cache entry", key)
	}
	return nil
}

// isFull tells whether a disk, or the user's share of it, has no space left.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

var (
	errEnded  = errors.New("the entry was committed or discarded already")
	errClosed = errors.New("the cache is closed")
	errBeyond = errors.New("nothing was written there yet")
)

// blob is a file that does not change any more: its beginning, of that size.
type blob struct {
	file  *os.File
	size  int64
	quota *Quota // that it counts towards until it is closed; nil: none
	once  sync.Once
}

// ReadAt reads.
func (b *blob) ReadAt(p []byte, at int64) (int, error) {
	if at >= b.size {
		return 0, io.EOF
	}
	if more := b.size - at; int64(len(p)) > more {
		n, err := b.file.ReadAt(p[:more], at)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return b.file.ReadAt(p, at)
}

// Size is its length in bytes.
func (b *blob) Size() int64 { return b.size }

// Close closes it.
func (b *blob) Close() error {
	b.once.Do(func() { b.quota.give(b.size) })
	return b.file.Close()
}
