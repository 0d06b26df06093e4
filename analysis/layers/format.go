package layers

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"

	"github.com/klauspost/compress/s2"
)

// A record is
//
//	magic
//	blocks      of content, as the files that are kept lie one after the other
//	            in the order of the index; each packed with S2 where that pays
//	sections    attachments; then "blocks", "index" and "digests"
//	directory   how much content; what reading the layer takes of a budget: paths,
//	            bytes of names and of sparse files; how many attachments; of each
//	            section its name, length and SHA-256
//	footer      place and SHA-256 of the directory, version, magic
//
// Numbers of a fixed size are little-endian, others varints. A section is
// chunks, each of two lengths of 32 bits, stored and unpacked, and the stored
// bytes, which are packed with S2 where the two differ.
const (
	magic      = "TIDEREC\n"
	version    = 2
	footerSize = 8 + 8 + sha256.Size + 4 + len(magic)
)

// What may be packed more tightly than this is not packed, so that a hostile
// record cannot make its reader take much more memory than the file's size. A
// row of the index has at least 4 bytes and takes no more than 10 beside itself, so
// that a byte of the file takes at most 28 of memory.
const (
	maxRatio         = 8
	maxAttachedRatio = 64
	maxShared        = 255 // bytes of a path that are taken over from the one before
)

// section is a part of a record that is read whole.
type section struct {
	name       string
	at, stored int64
	sum        [sha256.Size]byte
	attached   bool
}

// section writes what fill writes.
func (w *Writer) section(name string, fill func(*chunks)) {
	w.write(nil) // the beginning, if nothing else is there
	c := &chunks{w: w, ratio: maxRatio, raw: make([]byte, 0, blockSize), sum: sha256.New()}
	s := section{name: name, at: w.at}
	fill(c)
	c.flush()
	s.stored = w.at - s.at
	c.sum.Sum(s.sum[:0])
	w.parts = append(w.parts, s)
}

// ending writes the directory and the footer; that many sections are attached.
func (w *Writer) ending(c cost, attached int) {
	dir := binary.AppendUvarint(nil, uint64(w.content))
	for _, n := range []int64{c.entries, c.names, c.sparse} {
		dir = binary.AppendUvarint(dir, uint64(n))
	}
	dir = binary.AppendUvarint(dir, uint64(attached))
	for _, s := range w.parts {
		dir = binary.AppendUvarint(dir, uint64(len(s.name)))
		dir = append(dir, s.name...)
		dir = binary.AppendUvarint(dir, uint64(s.stored))
		dir = append(dir, s.sum[:]...)
	}
	at := w.at
	w.write(dir)
	w.write(appendFooter(nil, at, dir))
}

func appendFooter(out []byte, at int64, dir []byte) []byte {
	out = binary.LittleEndian.AppendUint64(out, uint64(at))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(dir)))
	sum := sha256.Sum256(dir)
	out = append(out, sum[:]...)
	out = binary.LittleEndian.AppendUint32(out, version)
	return append(out, magic...)
}

// chunks is the writer of a section.
type chunks struct {
	w     *Writer
	ratio int
	raw   []byte
	sum   hash.Hash
}

func (c *chunks) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), blockSize-len(c.raw))
		c.raw = append(c.raw, p[:n]...)
		p = p[n:]
		if len(c.raw) == blockSize {
			c.flush()
		}
	}
}

func (c *chunks) flush() {
	if len(c.raw) == 0 {
		return
	}
	stored := c.w.pack(c.raw)
	if len(c.raw) > c.ratio*len(stored) {
		stored = c.raw
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(stored)))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(c.raw)))
	c.put(head)
	c.put(stored)
	c.raw = c.raw[:0]
}

func (c *chunks) put(p []byte) {
	c.sum.Write(p)
	c.w.write(p)
}

// eachChunk unpacks the chunks of a section one after the other, into memory
// that is used again.
func eachChunk(data []byte, ratio int, visit func(raw []byte) error) error {
	var buffer []byte
	for len(data) > 0 {
		if len(data) < 8 {
			return errors.New("a chunk is cut")
		}
		stored, raw := int64(binary.LittleEndian.Uint32(data)), int64(binary.LittleEndian.Uint32(data[4:]))
		data = data[8:]
		if stored > int64(len(data)) || raw > blockSize || raw < stored || raw > stored*int64(ratio) || raw == 0 {
			return errors.New("a chunk has wrong lengths")
		}
		out, err := unpack(&buffer, data[:stored], int(raw))
		if err != nil {
			return err
		}
		if err := visit(out); err != nil {
			return err
		}
		data = data[stored:]
	}
	return nil
}

// unpack is the size bytes that stored holds, in buffer if they were packed.
func unpack(buffer *[]byte, stored []byte, size int) ([]byte, error) {
	if len(stored) == size {
		return stored, nil
	}
	if cap(*buffer) < size {
		*buffer = make([]byte, size)
	}
	out := (*buffer)[:size]
	return out, unpackInto(out, stored)
}

// unpackInto fills out with what stored holds.
func unpackInto(out, stored []byte) error {
	if len(stored) == len(out) {
		copy(out, stored)
		return nil
	}
	if n, err := s2.DecodedLen(stored); err != nil || n != len(out) {
		return errors.New("it unpacks to another size")
	}
	_, err := s2.Decode(out, stored)
	return err
}

// Facts of a row beside those of an item. An item that is withheld is kept and
// not regular in its row.
const (
	sameOwner facts = 8 << iota // type, mode, user and group are those of the row before
	sameTime
	sameKind
	linked
	fractional // of a second
)

// encodeIndex writes a row for each entry. In every chunk the first row stands
// for itself.
func encodeIndex(x *Index, c *chunks) {
	c.write(encodeKinds(x.kinds))
	c.flush()
	var row []byte
	var before item
	for _, i := range x.all {
		if len(c.raw) > blockSize-4*MaxPath {
			c.flush()
			before.become(&item{})
		}
		row = appendRow(row[:0], i, &before)
		c.write(row)
		before.become(i)
	}
}

func appendRow(row []byte, i, before *item) []byte {
	f := i.facts & (regular | sparse | kept)
	if i.facts&withheld != 0 {
		f &^= regular
	}
	f.set(sameOwner, i.flag == before.flag && i.mode == before.mode && i.uid == before.uid && i.gid == before.gid)
	f.set(sameTime, i.seconds == before.seconds && i.nanoseconds == before.nanoseconds)
	f.set(sameKind, i.kind == before.kind)
	f.set(linked, len(i.link) > 0)
	f.set(fractional, i.nanoseconds != 0)
	shared := 0
	for shared < min(len(i.path), len(before.path), maxShared) && i.path[shared] == before.path[shared] {
		shared++
	}
	row = append(row, byte(f), byte(shared))
	row = appendName(row, i.path[shared:])
	row = binary.AppendVarint(row, i.size)
	if f&linked != 0 {
		row = appendName(row, i.link)
	}
	if f&sameOwner == 0 {
		row = append(row, i.flag)
		row = binary.AppendUvarint(row, uint64(i.mode))
		row = binary.AppendVarint(row, i.uid)
		row = binary.AppendVarint(row, i.gid)
	}
	if f&sameTime == 0 {
		row = binary.AppendVarint(row, i.seconds)
		if f&fractional != 0 {
			row = binary.AppendUvarint(row, uint64(i.nanoseconds))
		}
	}
	if f&sameKind == 0 {
		row = binary.AppendUvarint(row, uint64(i.kind))
	}
	return row
}

// row makes an item, which is that of the row before, that of the next one. Its
// link is a part of the decoder's bytes.
func (d *decoder) row(i *item) {
	f := facts(d.byte())
	i.facts = f & (regular | sparse | kept)
	i.facts.set(regular|withheld, f&(kept|regular) == kept)
	shared := int(d.byte())
	if shared > len(i.path) {
		d.failed, d.data = true, nil // more in common with the one before than that has
		return
	}
	i.path = append(i.path[:shared], d.bytes(d.uvarint(MaxPath+1))...)
	i.size = d.varint()
	i.link = nil
	if f&linked != 0 {
		i.link = d.bytes(d.uvarint(MaxPath))
	}
	if f&sameOwner == 0 {
		i.flag, i.mode, i.uid, i.gid = d.byte(), uint32(d.uvarint(math.MaxUint32)), d.varint(), d.varint()
	}
	if f&sameTime == 0 {
		if i.seconds, i.nanoseconds = d.varint(), 0; f&fractional != 0 {
			i.nanoseconds = uint32(d.uvarint(1e9 - 1))
		}
	}
	if f&sameKind == 0 {
		i.kind = uint16(d.uvarint(math.MaxUint16))
	}
}

func appendName(row, name []byte) []byte {
	return append(binary.AppendUvarint(row, uint64(len(name))), name...)
}

func encodeKinds(kinds []string) []byte {
	out := binary.AppendUvarint(nil, uint64(len(kinds)))
	for _, k := range kinds {
		out = appendName(out, []byte(k))
	}
	return out
}

func encodeDigests(x *Index, c *chunks) {
	for _, page := range x.digests {
		for i := range page {
			c.write(page[i][:])
		}
	}
}

// decodeIndex reads the rows of the sections "index" and "digests".
func decodeIndex(rows, digests []byte) (*Index, error) {
	x := &Index{}
	first := true
	err := eachChunk(rows, maxRatio, func(raw []byte) error {
		d := &decoder{data: raw}
		if first {
			first = false
			return decodeKinds(d, x)
		}
		return decodeRows(d, x)
	})
	if err != nil {
		return nil, err
	}
	next := 0
	err = eachChunk(digests, maxRatio, func(raw []byte) error {
		for ; len(raw) >= sha256.Size; raw = raw[sha256.Size:] {
			if next == x.filled {
				return errors.New("there are more digests than contents")
			}
			x.pushDigest(raw[:sha256.Size])
			next++
		}
		if len(raw) > 0 {
			return errors.New("a digest is cut")
		}
		return nil
	})
	if err == nil && next < x.filled {
		err = errors.New("there are fewer digests than contents")
	}
	x.trim()
	return x, err
}

func decodeKinds(d *decoder, x *Index) error {
	n := d.uvarint(math.MaxUint16)
	for range n {
		kind := string(d.bytes(d.uvarint(MaxPath)))
		if d.failed {
			break
		}
		if x.kindOf(kind) != uint16(len(x.kinds)-1) {
			return errors.New("a kind of content is named twice")
		}
	}
	return d.end()
}

func decodeRows(d *decoder, x *Index) error {
	var i item
	for !d.failed && len(d.data) > 0 {
		if d.row(&i); d.failed {
			break
		}
		if err := i.check(len(x.kinds)); err != nil {
			return err
		}
		if int64(len(x.rows))*rowBytes > MaxNames {
			return errors.New("it has too many names")
		}
		x.push(&i)
	}
	return d.end()
}

// check says what is wrong with an entry, if something is.
func (i *item) check(kinds int) error {
	switch {
	case !bytes.HasPrefix(i.path, []byte("/")) || len(i.path) > MaxPath+1:
		return fmt.Errorf("a path is %.64q", i.path)
	case i.size < 0:
		return fmt.Errorf("%.64q has %d bytes", i.path, i.size)
	case int(i.kind) >= kinds:
		return fmt.Errorf("%.64q has a kind of content without a name", i.path)
	}
	return nil
}

// decoder reads numbers and names; what is not there is zero.
type decoder struct {
	data   []byte
	failed bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.failed, d.data = true, nil
		return nil
	}
	p := d.data[:n]
	d.data = d.data[n:]
	return p
}

func (d *decoder) byte() byte {
	if p := d.bytes(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

func (d *decoder) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 || v > most {
		d.failed, d.data = true, nil
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.data)
	if n <= 0 {
		d.failed, d.data = true, nil
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) end() error {
	if d.failed || len(d.data) > 0 {
		return errors.New("it is cut, or too long")
	}
	return nil
}
