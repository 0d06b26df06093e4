// Package layers reads the layers of an image, each once and as a stream, and
// keeps what was learnt of each in one file: a record.
package layers

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"iter"
	"sync"
	"time"
)

// Entry is one header of a layer's tar, and what was learnt of its content.
type Entry struct {
	Path    string // absolute and clean; whiteouts under the names they have in the tar
	Link    string // of a hard or symbolic link, as the header has it
	Type    byte   // the header's type flag, as tar.TypeReg
	Mode    int64  // as the header has it; bits above the low 32 are dropped
	UID     int
	GID     int
	Size    int64 // as the header has it; of a sparse file with its holes
	ModTime time.Time
	MIME    string // by the content's first bytes; "" where there are none
	Digest  [sha256.Size]byte
	Regular bool // it has a content, whose digest was taken
	Sparse  bool // the tar leaves out its holes
	Kept    bool // the content is in the record
}

// SHA256 is the content's digest in hex.
func (e Entry) SHA256() string { return hex.EncodeToString(e.Digest[:]) }

// Info is what the header says, as the tar reader of the standard library
// presents it.
func (e Entry) Info() fs.FileInfo {
	h := tar.Header{
		Name: e.Path, Linkname: e.Link, Typeflag: e.Type, Mode: e.Mode,
		Uid: e.UID, Gid: e.GID, Size: e.Size, ModTime: e.ModTime,
	}
	return h.FileInfo()
}

// Index is the entries of one layer in the order of its tar. An entry's position
// in it, from 0, is its ordinal.
//
// It takes 4 bytes an entry for what is often asked for, 32 for a digest, and a
// row for the rest, which says how the entry differs from the one before: mostly
// the end of its name, size and time, about 30 bytes. Some rows make a run, whose
// first stands for itself; to read one is to go through its run.
//
// It grows in pieces that are never copied, and that hold no pointers for the
// garbage collector to follow.
type Index struct {
	briefs  []page // all full but the last
	runs    []run
	rows    [][]byte // of complete runs, none of which crosses from one piece into the next
	open    []byte   // the rows of the last run
	before  item     // that of the last row
	digests []digestPage
	filled  int   // entries with a digest in there
	bytes   int64 // the sum of all sizes
	kinds   []string
	kind    map[string]uint16
	cost    cost // of reading the layer
}

type (
	page       []brief
	digestPage [][sha256.Size]byte
)

const (
	pageBits  = 12 // of an ordinal that tell the place in its page
	pageItems = 1 << pageBits
	runItems  = 64 // entries of a run
	rowBytes  = 1 << 20
)

// brief is what is asked for most of an entry.
type brief struct {
	kind  uint16
	flag  byte
	facts facts
}

// run is where the rows of a run are, and how many digests come before those of
// its entries.
type run struct{ piece, at, digests uint32 }

// item is an Entry as its row has it, without its digest.
type item struct {
	size, seconds     int64
	uid, gid          int64
	nanoseconds, mode uint32
	brief
	path, link []byte
}

type facts byte

const (
	regular facts = 1 << iota
	sparse
	kept
	withheld // and taken out again: its place in the record is there
	filled   // there is a digest of its own; that of nothing is known
	foldered // the header gives it the mode of a folder
)

func (f *facts) set(fact facts, holds bool) {
	if holds {
		*f |= fact
	}
}

// Len is the number of entries.
func (x *Index) Len() int {
	if len(x.briefs) == 0 {
		return 0
	}
	return (len(x.briefs)-1)<<pageBits + len(x.briefs[len(x.briefs)-1])
}

func (x *Index) brief(ordinal int) *brief {
	return &x.briefs[ordinal>>pageBits][ordinal&(pageItems-1)]
}

// Entry is the one with that ordinal. Its strings are copies.
func (x *Index) Entry(ordinal int) (e Entry) {
	x.at(ordinal, func(i *item) { e = x.entry(ordinal, i) })
	return e
}

func (x *Index) entry(ordinal int, i *item) Entry {
	e := Entry{
		Path: string(i.path), Link: string(i.link), Type: i.flag, Mode: int64(i.mode),
		UID: int(i.uid), GID: int(i.gid), Size: i.size, ModTime: time.Unix(i.seconds, int64(i.nanoseconds)),
		MIME: x.kinds[i.kind], Regular: i.facts&regular != 0, Sparse: i.facts&sparse != 0, Kept: i.facts&(kept|withheld) == kept,
	}
	switch {
	case i.facts&filled != 0:
		e.Digest = *x.digest(ordinal)
	case e.Regular:
		e.Digest = digestOfNothing
	}
	return e
}

var digestOfNothing = sha256.Sum256(nil)

// digest is the digest of an entry that has one.
func (x *Index) digest(ordinal int) *[sha256.Size]byte {
	first := ordinal - ordinal%runItems
	number := int(x.runs[first/runItems].digests)
	for n := first; n < ordinal; n++ {
		if x.brief(n).facts&filled != 0 {
			number++
		}
	}
	return &x.digests[number>>pageBits][number&(pageItems-1)]
}

// Path is the path of the entry with that ordinal, a copy.
func (x *Index) Path(ordinal int) (p []byte) {
	x.at(ordinal, func(i *item) { p = bytes.Clone(i.path) })
	return p
}

// Link is the link name of the entry with that ordinal, a copy.
func (x *Index) Link(ordinal int) (p []byte) {
	x.at(ordinal, func(i *item) { p = bytes.Clone(i.link) })
	return p
}

// Paths goes through all paths. One is valid up to the next.
func (x *Index) Paths() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for n, i := range x.all {
			if !yield(n, i.path) {
				return
			}
		}
	}
}

// Type is the type flag of the entry with that ordinal.
func (x *Index) Type(ordinal int) byte { return x.brief(ordinal).flag }

// MIME is the kind of content of the entry with that ordinal.
func (x *Index) MIME(ordinal int) string { return x.kinds[x.brief(ordinal).kind] }

// Size is the size of the entry with that ordinal.
func (x *Index) Size(ordinal int) (size int64) {
	x.at(ordinal, func(i *item) { size = i.size })
	return size
}

// Sizes is the sum of the sizes of all entries.
func (x *Index) Sizes() int64 { return x.bytes }

// Regular tells whether the entry with that ordinal has a content.
func (x *Index) Regular(ordinal int) bool { return x.brief(ordinal).facts&regular != 0 }

// Filled tells whether the entry with that ordinal has a content of some bytes.
func (x *Index) Filled(ordinal int) bool { return x.brief(ordinal).facts&filled != 0 }

// Folder tells whether the header of the entry with that ordinal gives it the mode
// of a folder.
func (x *Index) Folder(ordinal int) bool { return x.brief(ordinal).facts&foldered != 0 }

// Add appends an entry. The caller bounds how many there are and how long their
// names: at most MaxPath bytes each and MaxNames together; there are at most
// 65,535 kinds of content.
func (x *Index) Add(e Entry) {
	i := item{
		size: e.Size, seconds: e.ModTime.Unix(), nanoseconds: uint32(e.ModTime.Nanosecond()),
		uid: int64(e.UID), gid: int64(e.GID), mode: uint32(e.Mode),
		path: []byte(e.Path), link: []byte(e.Link), brief: brief{kind: x.kindOf(e.MIME), flag: e.Type},
	}
	i.facts.set(regular, e.Regular)
	i.facts.set(sparse, e.Sparse)
	i.facts.set(kept, e.Kept)
	x.push(&i)
	if i.hasDigest() {
		x.pushDigest(e.Digest[:])
	}
}

// push appends an entry, whose digest comes next if it has one of its own.
func (x *Index) push(i *item) {
	const kindOfFile, folderMode = ^uint32(0o7777), 0o40000
	b := i.brief
	b.facts.set(filled, i.hasDigest())
	b.facts.set(foldered, i.flag == tar.TypeDir || i.mode&kindOfFile == folderMode)
	if x.Len()%runItems == 0 {
		x.close()
		x.runs = append(x.runs, run{digests: uint32(x.filled)})
	}
	x.open = appendRow(x.open, i, &x.before)
	x.before.become(i)
	if b.facts&filled != 0 {
		x.filled++
	}
	x.bytes += i.size
	last := len(x.briefs) - 1
	if last < 0 || len(x.briefs[last]) == pageItems {
		x.briefs = append(x.briefs, make(page, 0, pieceSize(64, pageItems, len(x.briefs))))
		last++
	}
	x.briefs[last] = append(x.briefs[last], b)
}

// become makes it a copy of another.
func (i *item) become(other *item) {
	path := append(i.path[:0], other.path...)
	*i = *other
	i.path, i.link = path, nil
}

// pieceSize is how much the next of so many pieces holds: small layers take little.
func pieceSize(first, most, pieces int) int { return min(most, first<<min(4*pieces, 32)) }

// close puts the rows of the last run where they stay.
func (x *Index) close() {
	if len(x.runs) == 0 {
		return
	}
	last := len(x.rows) - 1
	if last < 0 || len(x.rows[last])+len(x.open) > cap(x.rows[last]) {
		x.rows = append(x.rows, make([]byte, 0, max(len(x.open), pieceSize(4096, rowBytes, len(x.rows)))))
		last++
	}
	at := &x.runs[len(x.runs)-1]
	at.piece, at.at = uint32(last), uint32(len(x.rows[last]))
	x.rows[last] = append(x.rows[last], x.open...)
	x.open = x.open[:0]
	x.before.become(&item{})
}

func (x *Index) pushDigest(digest []byte) {
	last := len(x.digests) - 1
	if last < 0 || len(x.digests[last]) == pageItems {
		x.digests = append(x.digests, make(digestPage, 0, pieceSize(16, pageItems, len(x.digests))))
		last++
	}
	x.digests[last] = append(x.digests[last], [sha256.Size]byte(digest))
}

// hasDigest tells whether there is a digest of its own; that of nothing is known.
func (i *item) hasDigest() bool { return i.facts&regular != 0 && i.size > 0 }

// cursor goes through the entries of an index.
type cursor struct {
	decoder
	of   *Index
	next int // its ordinal
	item
}

// at goes to the beginning of a run.
func (c *cursor) at(run int) {
	c.next = run * runItems
	c.item.become(&item{})
	c.decoder = decoder{data: c.of.open}
	if run < len(c.of.runs)-1 {
		r := c.of.runs[run]
		c.decoder.data = c.of.rows[r.piece][r.at:]
	}
}

// step goes on to the next entry, which must be there.
func (c *cursor) step() {
	if c.next%runItems == 0 {
		c.at(c.next / runItems)
	}
	c.row(&c.item)
	c.brief = *c.of.brief(c.next)
	c.next++
}

// cursors are those that at uses: each has room for paths.
var cursors = sync.Pool{New: func() any { return new(cursor) }}

// at shows the entry with that ordinal.
func (x *Index) at(ordinal int, show func(*item)) {
	c := cursors.Get().(*cursor)
	c.of = x
	c.at(ordinal / runItems)
	for c.next <= ordinal {
		c.step()
	}
	show(&c.item)
	*c = cursor{item: item{path: c.path[:0]}}
	cursors.Put(c)
}

// all goes through all entries. One is valid up to the next.
func (x *Index) all(yield func(int, *item) bool) { x.from(0)(yield) }

// from goes through the entries from the beginning of a run on, likewise.
func (x *Index) from(run int) iter.Seq2[int, *item] {
	return func(yield func(int, *item) bool) {
		c := cursor{of: x, next: run * runItems}
		for n := c.next; n < x.Len(); n++ {
			c.step()
			if !yield(n, &c.item) {
				return
			}
		}
	}
}

// Cursor finds entries of an index, those that follow each other at little cost. It
// is for one goroutine.
type Cursor struct{ cursor cursor }

// Cursor is one at the beginning.
func (x *Index) Cursor() *Cursor { return &Cursor{cursor{of: x}} }

// Path is the path of the entry with that ordinal. It is valid up to the next call.
func (c *Cursor) Path(ordinal int) []byte {
	c.to(ordinal)
	return c.cursor.path
}

// Entry is the one with that ordinal. Its strings are copies.
func (c *Cursor) Entry(ordinal int) Entry {
	c.to(ordinal)
	return c.cursor.of.entry(ordinal, &c.cursor.item)
}

// to goes to an entry: from the beginning of its run, unless it comes later in the
// run that the cursor is in.
func (c *Cursor) to(ordinal int) {
	if at := c.cursor.next; ordinal < at-1 || ordinal/runItems != (at-1)/runItems || at == 0 {
		c.cursor.at(ordinal / runItems)
	}
	for c.cursor.next <= ordinal {
		c.cursor.step()
	}
}

func (x *Index) kindOf(mime string) uint16 {
	if k, ok := x.kind[mime]; ok {
		return k
	}
	if x.kind == nil {
		x.kind = map[string]uint16{}
	}
	k := uint16(len(x.kinds))
	x.kinds = append(x.kinds, mime)
	x.kind[mime] = k
	return k
}

// trim gives back what the last pieces have too much.
func (x *Index) trim() {
	x.open = bytes.Clone(x.open)
	if last := len(x.briefs) - 1; last >= 0 {
		x.briefs[last] = append(make(page, 0, len(x.briefs[last])), x.briefs[last]...)
	}
	if last := len(x.rows) - 1; last >= 0 {
		x.rows[last] = append(make([]byte, 0, len(x.rows[last])), x.rows[last]...)
	}
	if last := len(x.digests) - 1; last >= 0 {
		x.digests[last] = append(make(digestPage, 0, len(x.digests[last])), x.digests[last]...)
	}
}
