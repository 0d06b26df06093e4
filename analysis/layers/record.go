package layers

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"sync/atomic"
)

// ErrDamaged is what a record's reader says of bytes that are not those that
// were written. The remedy is to remove the record, and to read its layer again.
var ErrDamaged = errors.New("the record is damaged")

// Record is a finished record, opened for random access. It is safe for many
// goroutines, and as good as the reader it was opened with.
type Record struct {
	id       uint64 // in the cache of blocks
	r        io.ReaderAt
	index    *Index
	content  int64
	blocks   []block
	places   []int64 // of every placeStep-th block in the file
	starts   []int64 // of the content of the first entry of every run
	attached map[string]section
}

// placeStep has a list with an element for each of so many take little memory.
const placeStep = 16

var records atomic.Uint64

// OpenRecord reads the index of the record in r, which has size bytes, and
// verifies all but the contents; those are verified as they are read.
func OpenRecord(r io.ReaderAt, size int64) (*Record, error) {
	rec, err := openRecord(r, size)
	if err != nil {
		return nil, fmt.Errorf("open the record of a layer: %w", err)
	}
	return rec, nil
}

func openRecord(r io.ReaderAt, size int64) (*Record, error) {
	dir, at, err := readDirectory(r, size)
	if err != nil {
		return nil, err
	}
	content, cost, parts, err := decodeDirectory(dir, at)
	if err != nil {
		return nil, damaged("its directory", err)
	}
	rec := &Record{id: records.Add(1), r: r, content: content, attached: map[string]section{}}
	stored := map[string][]byte{}
	for _, s := range parts {
		if s.attached {
			rec.attached[s.name] = s
			err = s.verify(r)
		} else {
			stored[s.name], err = s.read(r)
		}
		if err != nil {
			return nil, err
		}
	}
	if rec.index, err = decodeIndex(stored["index"], stored["digests"]); err != nil {
		return nil, damaged("its index", err)
	}
	rec.index.cost = cost
	if err := rec.place(stored["blocks"], parts[0].at); err != nil {
		return nil, damaged("its list of blocks", err)
	}
	return rec, nil
}

func damaged(what string, why error) error { return fmt.Errorf("%w: %s: %w", ErrDamaged, what, why) }

// readDirectory follows the footer to the directory.
func readDirectory(r io.ReaderAt, size int64) (dir []byte, at int64, err error) {
	if size < int64(len(magic)+footerSize) {
		return nil, 0, damaged("its end", errors.New("it is cut"))
	}
	head := make([]byte, len(magic))
	foot := make([]byte, footerSize)
	if err := readAt(r, head, 0); err != nil {
		return nil, 0, err
	}
	if err := readAt(r, foot, size-int64(footerSize)); err != nil {
		return nil, 0, err
	}
	if string(head) != magic || string(foot[footerSize-len(magic):]) != magic {
		return nil, 0, damaged("its ends", errors.New("it is cut, or something else"))
	}
	if v := binary.LittleEndian.Uint32(foot[16+sha256.Size:]); v != version {
		return nil, 0, damaged("its end", fmt.Errorf("its format is %d, and %d is known", v, version))
	}
	from, length := binary.LittleEndian.Uint64(foot), binary.LittleEndian.Uint64(foot[8:])
	end := uint64(size) - uint64(footerSize)
	if from > end || length != end-from || from < uint64(len(magic)) {
		return nil, 0, damaged("its end", errors.New("it is cut"))
	}
	dir = make([]byte, length)
	if err := readAt(r, dir, int64(from)); err != nil {
		return nil, 0, err
	}
	if sum := sha256.Sum256(dir); !bytes.Equal(sum[:], foot[16:16+sha256.Size]) {
		return nil, 0, damaged("its directory", errors.New("its checksum is wrong"))
	}
	return dir, int64(from), nil
}

// readAt fills p. That there is less is damage, other trouble is the reader's.
func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return damaged("its end", io.ErrUnexpectedEOF)
	}
	return err
}

// maxCost bounds each number of what reading a layer takes, so that sums of them
// stay sums.
const maxCost = 1 << 48

// decodeDirectory tells the sections, which end at end.
func decodeDirectory(dir []byte, end int64) (content int64, c cost, parts []section, err error) {
	d := &decoder{data: dir}
	content = int64(d.uvarint(math.MaxInt64))
	for _, n := range []*int64{&c.entries, &c.names, &c.sparse} {
		*n = int64(d.uvarint(maxCost))
	}
	attached := d.uvarint(uint64(len(dir)))
	seen := map[string]bool{}
	var total int64
	for len(d.data) > 0 {
		s := section{name: string(d.bytes(d.uvarint(255))), attached: uint64(len(parts)) < attached}
		s.stored = int64(d.uvarint(uint64(end)))
		copy(s.sum[:], d.bytes(sha256.Size))
		key := fmt.Sprint(s.attached, " ", s.name)
		if total += s.stored; total > end-int64(len(magic)) || seen[key] {
			return 0, c, nil, errors.New("a section is too long, or named twice")
		}
		seen[key] = true
		parts = append(parts, s)
	}
	if err := d.end(); err != nil {
		return 0, c, nil, err
	}
	if len(parts) != int(attached)+3 || !seen["false blocks"] || !seen["false index"] || !seen["false digests"] {
		return 0, c, nil, errors.New("its sections are others")
	}
	at := end - total
	for i := range parts {
		parts[i].at = at
		at += parts[i].stored
	}
	return content, c, parts, nil
}

// read is a section's stored bytes.
func (s section) read(r io.ReaderAt) ([]byte, error) {
	data := make([]byte, s.stored)
	if err := readAt(r, data, s.at); err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != s.sum {
		return nil, damaged(fmt.Sprintf("%q", s.name), errors.New("its checksum is wrong"))
	}
	return data, nil
}

// verify reads a section, and keeps nothing of it.
func (s section) verify(r io.ReaderAt) error {
	sum := sha256.New()
	n, err := io.CopyBuffer(onlyWriter{sum}, io.NewSectionReader(r, s.at, s.stored), make([]byte, min(s.stored+1, 64<<10)))
	if err != nil {
		return err
	}
	if n != s.stored || !bytes.Equal(sum.Sum(nil), s.sum[:]) {
		return damaged(fmt.Sprintf("%q", s.name), errors.New("its checksum is wrong"))
	}
	return nil
}

type onlyWriter struct{ io.Writer }

// place reads the list of the blocks, which end at end, and finds out where all
// contents begin.
func (r *Record) place(stored []byte, end int64) error {
	at := int64(len(magic))
	err := eachChunk(stored, maxRatio, func(raw []byte) error {
		for ; len(raw) >= 8; raw = raw[8:] {
			b := block{binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])}
			if len(r.blocks)%placeStep == 0 {
				r.places = append(r.places, at)
			}
			r.blocks = append(r.blocks, b)
			at += int64(b.stored)
		}
		if len(raw) > 0 {
			return errors.New("it is cut")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if at != end || int64(len(r.blocks)) != r.content/blockSize+min(r.content%blockSize, 1) {
		return errors.New("it is of another content")
	}
	for i, b := range r.blocks {
		if int(b.stored) > r.blockLength(i) {
			return fmt.Errorf("block %d has %d bytes", i, b.stored)
		}
	}
	r.starts, err = starts(r.index, r.content)
	return err
}

// Contents are those that were kept of the layer with that index, from what w has
// written so far, which r reads: for whoever attaches what is found in them.
func (w *Writer) Contents(x *Index, r io.ReaderAt) (*Record, error) {
	rec := &Record{id: records.Add(1), r: r, index: x, content: w.content, blocks: slices.Clip(w.blocks)}
	at := int64(len(magic))
	for i, b := range rec.blocks {
		if i%placeStep == 0 {
			rec.places = append(rec.places, at)
		}
		at += int64(b.stored)
	}
	var err error
	if rec.starts, err = starts(x, w.content); err != nil {
		return nil, fmt.Errorf("read the contents of a layer: %w", err)
	}
	return rec, nil
}

// starts is where the content of the first entry of every run begins, for content
// bytes of all that are kept.
func starts(x *Index, content int64) (list []int64, err error) {
	var sum int64
	for n, i := range x.all {
		if n%runItems == 0 {
			list = append(list, sum)
		}
		k := i.kept()
		if k > content-sum {
			return nil, errors.New("there is less content than its entries have")
		}
		sum += k
	}
	if sum != content {
		return nil, errors.New("there is more content than its entries have")
	}
	return list, nil
}

// blockLength is how many bytes a block unpacks to.
func (r *Record) blockLength(n int) int {
	return int(min(r.content-int64(n)*blockSize, blockSize))
}

// Index is what the layer holds.
func (r *Record) Index() *Index { return r.index }

// Attachment is what was attached under that name, if something was that can
// still be read.
func (r *Record) Attachment(name string) ([]byte, bool) {
	s, ok := r.attached[name]
	if !ok {
		return nil, false
	}
	stored, err := s.read(r.r)
	if err != nil {
		return nil, false
	}
	var out []byte
	err = eachChunk(stored, maxAttachedRatio, func(raw []byte) error {
		out = append(out, raw...)
		return nil
	})
	return out, err == nil
}

// Attachments are the names of what was attached, in no order.
func (r *Record) Attachments() []string {
	names := make([]string, 0, len(r.attached))
	for name := range r.attached {
		names = append(names, name)
	}
	return names
}

// load reads and verifies a block into out, which is as long as it.
func (r *Record) load(n int, out []byte) error {
	b := r.blocks[n]
	at := r.places[n/placeStep]
	for i := n - n%placeStep; i < n; i++ {
		at += int64(r.blocks[i].stored)
	}
	if int(b.stored) == len(out) { // not packed
		if err := readAt(r.r, out, at); err != nil {
			return err
		}
		if crc32.Checksum(out, castagnoli) != b.sum {
			return damaged(fmt.Sprintf("block %d", n), errors.New("its checksum is wrong"))
		}
		return nil
	}
	packed := slabs.Get().(*slab)
	defer slabs.Put(packed)
	stored := packed.data[:b.stored]
	if err := readAt(r.r, stored, at); err != nil {
		return err
	}
	if crc32.Checksum(stored, castagnoli) != b.sum {
		return damaged(fmt.Sprintf("block %d", n), errors.New("its checksum is wrong"))
	}
	if err := unpackInto(out, stored); err != nil {
		return damaged(fmt.Sprintf("block %d", n), err)
	}
	return nil
}
