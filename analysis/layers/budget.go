package layers

import (
	"archive/tar"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	// MaxPath is how many bytes a path or a link may have: Linux's PATH_MAX.
	MaxPath = 4096
	// MaxNames is how many bytes of names an index holds.
	MaxNames = 4<<30 - 32<<20 // the rest is lost where a name would cross pieces
)

// Limits are what an image may hold; 0 is the default.
type Limits struct {
	Entries    int   // paths of all layers, the folders they imply included: 8,000,000
	ImageBytes int64 // that it may unpack to: 64 GiB. A quarter of it may be in sparse files.
}

const (
	defaultEntries    = 8_000_000
	defaultImageBytes = 64 << 30
	nameBytes         = 128     // that an entry may have, on the average
	noEntries         = 1 << 40 // more than any image has
)

// Budget is what is left of the limits of one image, for all its layers. Every
// path is kept in memory, so that a small archive of long or countless paths
// could exhaust it; and the holes of sparse files cost an archive nothing, but
// whoever reads them.
type Budget struct {
	maxEntries, maxNames, maxSparse int64
	entries, names, sparse          atomic.Int64
}

// NewBudget is the whole budget of an image.
func NewBudget(l Limits) *Budget {
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	if l.ImageBytes <= 0 {
		l.ImageBytes = defaultImageBytes
	}
	entries := min(int64(l.Entries), noEntries)
	return &Budget{
		maxEntries: entries,
		maxNames:   max(entries*nameBytes, 1<<20),
		maxSparse:  l.ImageBytes / 4,
	}
}

// cost is what reading a layer takes of a budget.
type cost struct {
	entries int64 // paths, the folders they imply included
	names   int64 // bytes
	sparse  int64 // bytes
}

// Count counts a layer that was read before, as reading it would. Where that
// passes a limit nothing is counted: to read the layer tells where.
func (b *Budget) Count(x *Index) error {
	c := x.cost
	err := errors.Join(b.spendEntries(c.entries), b.spendNames(c.names), b.spendSparse(c.sparse))
	if err != nil {
		b.entries.Add(-c.entries)
		b.names.Add(-c.names)
		b.sparse.Add(-c.sparse)
	}
	return err
}

func (b *Budget) spendEntries(n int64) error {
	if b.entries.Add(n) > b.maxEntries {
		return tooLarge("entries", "the image holds more than %d paths", b.maxEntries)
	}
	return nil
}

func (b *Budget) spendNames(bytes int64) error {
	if b.names.Add(bytes) > b.maxNames {
		return tooLarge("entries", "the paths of the image have more than %d bytes, %d for each that it may hold", b.maxNames, nameBytes)
	}
	return nil
}

func (b *Budget) spendSparse(bytes int64) error {
	if b.sparse.Add(bytes) > b.maxSparse {
		return b.tooSparse()
	}
	return nil
}

func (b *Budget) tooSparse() error {
	return tooLarge("image-bytes", "the image's sparse files hold more than %d bytes, most of them holes", b.maxSparse)
}

// tally counts one layer's share of a budget.
type tally struct {
	*Budget
	last string // the path before
	own  cost
}

// spend counts an entry: its names, and those of its folders that the path
// before it did not have.
func (t *tally) spend(h *tar.Header) error {
	for _, name := range []string{h.Name, h.Linkname} {
		if len(name) > MaxPath {
			return fault.New(fault.TooLarge, "a path of %d bytes is longer than %d: %.64q…", len(name), MaxPath, name).
				WithHint("no system can hold such a file; this limit is fixed")
		}
	}
	same, name := 0, h.Name
	for same < len(name) && same < len(t.last) && name[same] == t.last[same] {
		same++
	}
	t.last = name
	paths := int64(1 + strings.Count(strings.TrimSuffix(name[same:], "/"), "/"))
	t.own.entries += paths
	if err := t.spendEntries(paths); err != nil {
		return err
	}
	size := int64(len(name) + 1 + len(h.Linkname))
	t.own.names += size
	if err := t.spendNames(size); err != nil {
		return err
	}
	if t.own.names > MaxNames {
		return fault.New(fault.TooLarge, "the paths of the layer have more than %d bytes", int64(MaxNames)).
			WithHint("this limit is fixed")
	}
	return nil
}

// hole counts a sparse file. One that is too large is not counted at all, so
// that sums stay sums.
func (t *tally) hole(size int64) error {
	if size > t.maxSparse {
		return t.tooSparse()
	}
	t.own.sparse += size
	return t.spendSparse(size)
}

// tooLarge names the limit that was passed, and the flag that raises it.
func tooLarge(limit, format string, args ...any) error {
	return fault.New(fault.TooLarge, format+" (limit "+limit+")", args...).
		WithHint("raise it with --max-%s if the image can be trusted", limit)
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
