package files

import (
	"archive/tar"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/fault"
)

// Limits of what an image may hold. Unpackers keep every path of every layer in
// memory, so that a small archive of long or countless paths could exhaust it;
// and the holes of sparse files cost an archive nothing, but whoever reads them.
const (
	MaxPath   = 4096      // bytes of one path: Linux's PATH_MAX
	MaxPaths  = 8_000_000 // paths of all layers, the folders they imply included
	MaxSparse = 16 << 30  // bytes of all sparse files, their holes included
)

// budget counts the paths of an image, and the bytes of its sparse files.
type budget struct {
	mu     sync.Mutex
	spent  int
	last   string
	sparse int64
}

// spendSparse counts a sparse file.
func (b *budget) spendSparse(size int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if size > MaxSparse-b.sparse {
		return fault.New(fault.TooLarge, "the image's sparse files hold more than %d bytes, most of them holes", int64(MaxSparse))
	}
	b.sparse += size
	return nil
}

// isSparse tells whether an entry's bytes are kept without its holes.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// spend counts the path and those of its folders that the path before it did
// not have.
func (b *budget) spend(name string) error {
	if len(name) > MaxPath {
		return fault.New(fault.Unsupported, "a path of %d bytes is longer than %d: %.64q…", len(name), MaxPath, name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(name) && n < len(b.last) && name[n] == b.last[n] {
		n++
	}
	b.last = name
	b.spent += 1 + strings.Count(strings.TrimSuffix(name[n:], "/"), "/")
	if b.spent > MaxPaths {
		return fault.New(fault.TooLarge, "the image holds more than %d paths", MaxPaths)
	}
	return nil
}
