// Package layers reads the layers of an image, each once and as a stream, and
// keeps what was learnt of each in one file: a record.
package layers

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
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
// in it, from 0, is its ordinal. It takes 96 bytes an entry, and its names. It
// grows in pieces that are never copied, and that hold no pointers for the
// garbage collector to follow.
type Index struct {
	items []page   // all full but the last
	text  [][]byte // names, none of which crosses from one piece into the next
	kinds []string // MIME types
	kind  map[string]uint16
	cost  cost // of reading the layer
}

type page []item

const (
	pageBits  = 12 // of an ordinal that tell the place in its page
	pageItems = 1 << pageBits
	textBits  = 20 // of a span's place that tell the place in its piece
	textBytes = 1 << textBits
)

// item is an Entry as it is kept.
type item struct {
	size, seconds     int64
	uid, gid          int64
	path, link        span
	nanoseconds, mode uint32
	kind              uint16
	flag              byte
	facts             facts
	digest            [sha256.Size]byte
}

// span is a part of an Index's text.
type span struct{ at, length uint32 }

type facts byte

const (
	regular facts = 1 << iota
	sparse
	kept
	withheld // and taken out again: its place in the record is there
)

func (f *facts) set(fact facts, holds bool) {
	if holds {
		*f |= fact
	}
}

// Len is the number of entries.
func (x *Index) Len() int {
	if len(x.items) == 0 {
		return 0
	}
	return (len(x.items)-1)<<pageBits + len(x.items[len(x.items)-1])
}

func (x *Index) item(ordinal int) *item {
	return &x.items[ordinal>>pageBits][ordinal&(pageItems-1)]
}

// Entry is the one with that ordinal. Its strings are copies.
func (x *Index) Entry(ordinal int) Entry {
	i := x.item(ordinal)
	return Entry{
		Path: x.string(i.path), Link: x.string(i.link), Type: i.flag, Mode: int64(i.mode),
		UID: int(i.uid), GID: int(i.gid), Size: i.size, ModTime: time.Unix(i.seconds, int64(i.nanoseconds)),
		MIME: x.kinds[i.kind], Digest: i.digest,
		Regular: i.facts&regular != 0, Sparse: i.facts&sparse != 0, Kept: i.facts&(kept|withheld) == kept,
	}
}

// Path is the path of the entry with that ordinal, without a copy: it must not
// be changed, and holds a part of the index in memory.
func (x *Index) Path(ordinal int) []byte { return x.bytes(x.item(ordinal).path) }

// Link is the link name of the entry with that ordinal, like Path.
func (x *Index) Link(ordinal int) []byte { return x.bytes(x.item(ordinal).link) }

// Type is the type flag of the entry with that ordinal.
func (x *Index) Type(ordinal int) byte { return x.item(ordinal).flag }

// MIME is the kind of content of the entry with that ordinal.
func (x *Index) MIME(ordinal int) string { return x.kinds[x.item(ordinal).kind] }

// Size is the size of the entry with that ordinal.
func (x *Index) Size(ordinal int) int64 { return x.item(ordinal).size }

// Regular tells whether the entry with that ordinal has a content.
func (x *Index) Regular(ordinal int) bool { return x.item(ordinal).facts&regular != 0 }

func (x *Index) bytes(s span) []byte {
	if s.length == 0 {
		return nil
	}
	from := s.at & (textBytes - 1)
	return x.text[s.at>>textBits][from : from+s.length : from+s.length]
}

func (x *Index) string(s span) string { return string(x.bytes(s)) }

// Add appends an entry. The caller bounds how many there are and how long their
// names: at most MaxPath bytes each and MaxNames together; there are at most
// 65,535 kinds of content.
func (x *Index) Add(e Entry) {
	i := item{
		size: e.Size, seconds: e.ModTime.Unix(), nanoseconds: uint32(e.ModTime.Nanosecond()),
		uid: int64(e.UID), gid: int64(e.GID), mode: uint32(e.Mode),
		path: add(x, e.Path), link: add(x, e.Link), kind: x.kindOf(e.MIME), flag: e.Type, digest: e.Digest,
	}
	i.facts.set(regular, e.Regular)
	i.facts.set(sparse, e.Sparse)
	i.facts.set(kept, e.Kept)
	x.push(i)
}

func (x *Index) push(i item) {
	last := len(x.items) - 1
	if last < 0 || len(x.items[last]) == pageItems {
		x.items = append(x.items, make(page, 0, min(pageItems, 16<<(4*len(x.items)))))
		last++
	}
	x.items[last] = append(x.items[last], i)
}

func add[T string | []byte](x *Index, s T) span {
	if len(s) == 0 {
		return span{}
	}
	last := len(x.text) - 1
	if last < 0 || len(x.text[last])+len(s) > textBytes {
		x.text = append(x.text, make([]byte, 0, min(textBytes, 4096<<(4*len(x.text)))))
		last++
	}
	at := last<<textBits + len(x.text[last])
	x.text[last] = append(x.text[last], s...)
	return span{uint32(at), uint32(len(s))}
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
	if last := len(x.items) - 1; last >= 0 {
		x.items[last] = slices.Clip(append(make(page, 0, len(x.items[last])), x.items[last]...))
	}
	if last := len(x.text) - 1; last >= 0 {
		x.text[last] = append(make([]byte, 0, len(x.text[last])), x.text[last]...)
	}
}
