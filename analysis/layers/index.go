// Package layers reads the layers of an image, each once and as a stream, and
// keeps what was learnt of each in one file: a record.
package layers

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
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
// in it, from 0, is its ordinal. It takes about 100 bytes an entry, and its
// names, and holds no pointers for the garbage collector to follow.
type Index struct {
	items []item
	text  []byte   // names
	kinds []string // MIME types
	kind  map[string]uint16
}

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
)

// Len is the number of entries.
func (x *Index) Len() int { return len(x.items) }

// Entry is the one with that ordinal. Its strings are copies.
func (x *Index) Entry(ordinal int) Entry {
	i := &x.items[ordinal]
	return Entry{
		Path: x.string(i.path), Link: x.string(i.link), Type: i.flag, Mode: int64(i.mode),
		UID: int(i.uid), GID: int(i.gid), Size: i.size, ModTime: time.Unix(i.seconds, int64(i.nanoseconds)),
		MIME: x.kinds[i.kind], Digest: i.digest,
		Regular: i.facts&regular != 0, Sparse: i.facts&sparse != 0, Kept: i.facts&kept != 0,
	}
}

// Path is the path of the entry with that ordinal, without a copy: it must not
// be changed, and holds the whole index in memory.
func (x *Index) Path(ordinal int) []byte { return x.bytes(x.items[ordinal].path) }

// Link is the link name of the entry with that ordinal, like Path.
func (x *Index) Link(ordinal int) []byte { return x.bytes(x.items[ordinal].link) }

// Type is the type flag of the entry with that ordinal.
func (x *Index) Type(ordinal int) byte { return x.items[ordinal].flag }

// MIME is the kind of content of the entry with that ordinal.
func (x *Index) MIME(ordinal int) string { return x.kinds[x.items[ordinal].kind] }

// Size is the size of the entry with that ordinal.
func (x *Index) Size(ordinal int) int64 { return x.items[ordinal].size }

func (x *Index) bytes(s span) []byte  { return x.text[s.at : s.at+s.length : s.at+s.length] }
func (x *Index) string(s span) string { return string(x.bytes(s)) }

// Add appends an entry. The caller bounds how many there are and how long their
// names: an index holds less than 4 GiB of names, and 65,535 kinds of content.
func (x *Index) Add(e Entry) {
	i := item{
		size: e.Size, seconds: e.ModTime.Unix(), nanoseconds: uint32(e.ModTime.Nanosecond()),
		uid: int64(e.UID), gid: int64(e.GID), mode: uint32(e.Mode),
		path: x.add(e.Path), link: x.add(e.Link), kind: x.kindOf(e.MIME), flag: e.Type, digest: e.Digest,
	}
	for fact, holds := range map[facts]bool{regular: e.Regular, sparse: e.Sparse, kept: e.Kept} {
		if holds {
			i.facts |= fact
		}
	}
	x.items = append(x.items, i)
}

func (x *Index) add(s string) span {
	at := len(x.text)
	x.text = append(x.text, s...)
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
