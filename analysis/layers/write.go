package layers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
)

// Writer writes a record from its beginning to its end: what Read keeps, then
// attachments, then the index. It is for one goroutine, and does not buffer.
type Writer struct {
	w       io.Writer
	at      int64 // bytes written
	content int64 // bytes of content, unpacked
	blocks  []block
	parts   []section
	buffer  []byte
	err     error // the first, which ends the record
}

// block is a piece of content as it lies in the file.
type block struct {
	stored uint32 // bytes; blockSize (of the last, what it holds): not packed
	sum    uint32 // CRC-32C of the stored bytes
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewWriter begins a record.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	if w.at == 0 {
		if _, w.err = io.WriteString(w.w, magic); w.err != nil {
			return
		}
		w.at = int64(len(magic))
	}
	n, err := w.w.Write(p)
	w.at += int64(n)
	w.err = err
}

// block writes a piece of content, packed if that pays. All but the last have
// blockSize bytes.
func (w *Writer) block(data []byte, pack bool) {
	stored := data
	if pack {
		stored = w.pack(data)
	}
	w.blocks = append(w.blocks, block{uint32(len(stored)), crc32.Checksum(stored, castagnoli)})
	w.content += int64(len(data))
	w.write(stored)
}

// pack is data packed, or data itself where that saves nothing to speak of.
func (w *Writer) pack(data []byte) []byte {
	if w.buffer == nil {
		w.buffer = make([]byte, s2.MaxEncodedLen(blockSize))
	}
	packed := s2.Encode(w.buffer, data)
	if len(packed) > len(data)-len(data)/16 {
		return data
	}
	return packed
}

// Attach adds data to the record under a name that nothing else of it has, of at
// most 255 bytes. It is used after Read.
func (w *Writer) Attach(name string, data []byte) {
	if len(name) > 255 || name == "" {
		w.fail(fmt.Errorf("attach %.64q to a record: its name has %d bytes", name, len(name)))
	}
	for _, s := range w.parts {
		if s.name == name {
			w.fail(fmt.Errorf("attach %q to a record: it has one", name))
		}
	}
	if w.err == nil {
		w.section(name, func(c *chunks) { c.ratio = maxAttachedRatio; c.write(data) })
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Finish writes what is left of the record of that index.
func (w *Writer) Finish(x *Index) error {
	if w.err == nil && keptBytes(x) != w.content {
		w.err = fmt.Errorf("its index has %d bytes of content, and %d were kept", keptBytes(x), w.content)
	}
	if w.err == nil {
		attachments := len(w.parts)
		w.section("blocks", func(c *chunks) { c.write(encodeBlocks(w.blocks)) })
		w.section("index", func(c *chunks) { encodeIndex(x, c) })
		w.section("digests", func(c *chunks) { encodeDigests(x, c) })
		w.ending(x.cost, attachments)
	}
	if w.err != nil {
		return fmt.Errorf("write the record of a layer: %w", w.err)
	}
	w.err = errFinished
	return nil
}

var errFinished = errors.New("it is finished")

// keptBytes is how much of an index's content is kept.
func keptBytes(x *Index) (sum int64) {
	for _, i := range x.all {
		sum += i.kept()
	}
	return sum
}

// kept is how many bytes of the content are in the record.
func (i *item) kept() int64 {
	if i.facts&kept == 0 {
		return 0
	}
	return i.size
}

func encodeBlocks(blocks []block) []byte {
	var out []byte
	for _, b := range blocks {
		out = binary.LittleEndian.AppendUint32(out, b.stored)
		out = binary.LittleEndian.AppendUint32(out, b.sum)
	}
	return out
}

// packer packs and writes slabs on a goroutine of its own.
type packer struct {
	w       *Writer
	current *slab // being filled
	full    chan *slab
	failed  atomic.Bool // the writer has its error
	done    chan struct{}
}

func newPacker(w *Writer) *packer {
	p := &packer{w: w, full: make(chan *slab, 4), done: make(chan struct{})}
	if w.at > 0 {
		w.fail(errors.New("it has content already"))
	}
	go func() {
		defer close(p.done)
		for b := range p.full {
			if w.err == nil {
				w.block(b.data[:b.used], b.firm <= b.used/2)
			}
			if w.err != nil {
				p.failed.Store(true)
			}
			b.drop()
		}
	}()
	return p
}

// send hands over the current slab, and fails once the writer has.
func (p *packer) send() error {
	b := p.current
	p.current = nil
	p.full <- b
	if p.failed.Load() {
		return fmt.Errorf("keep the content of a layer: %w", p.w.err)
	}
	return nil
}

// finish writes what is left, unless the layer could not be read because of err.
func (p *packer) finish(err error) error {
	if p.current != nil {
		if err == nil && p.current.used > 0 {
			err = p.send()
		} else {
			p.current.drop()
		}
		p.current = nil
	}
	close(p.full)
	<-p.done
	if err != nil {
		p.w.fail(err)
		return err
	}
	if p.w.err != nil {
		return fmt.Errorf("keep the content of a layer: %w", p.w.err)
	}
	return nil
}
