package files

import (
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/fault"
)

// Limits of what an image may hold. Unpackers keep every path of every layer in
// memory, so that a small archive of long or countless paths could exhaust it.
const (
	MaxPath  = 4096      // bytes of one path: Linux's PATH_MAX
	MaxPaths = 8_000_000 // paths of all layers, the folders they imply included
)

// budget counts the paths of an image.
type budget struct {
	mu    sync.Mutex
	spent int
	last  string
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
