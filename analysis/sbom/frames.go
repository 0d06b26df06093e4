package sbom

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Sections are compressed in windows that cost little memory.
const packingWindow = 1 << 20 // bytes

// packer writes texts one after the other, compressed, into memory.
type packer struct {
	packed bytes.Buffer
	zstd   *zstd.Encoder
	length []byte
}

// What packs and unpacks is used again: its tables and windows cost more than most
// of what goes through them.
var packing, unpacking sync.Pool

func newPacker() (*packer, error) {
	p := &packer{}
	if z, ok := packing.Get().(*zstd.Encoder); ok {
		z.Reset(&p.packed)
		p.zstd = z
		return p, nil
	}
	var err error
	p.zstd, err = zstd.NewWriter(&p.packed, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(packingWindow), zstd.WithEncoderLevel(zstd.SpeedFastest))
	return p, err
}

func newUnpacker() (*zstd.Decoder, error) {
	if z, ok := unpacking.Get().(*zstd.Decoder); ok {
		return z, nil
	}
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(packingWindow))
}

func (p *packer) add(text []byte) error {
	p.length = binary.AppendUvarint(p.length[:0], uint64(len(text)))
	if _, err := p.zstd.Write(p.length); err != nil {
		return err
	}
	_, err := p.zstd.Write(text)
	return err
}

func (p *packer) finish() ([]byte, error) {
	err := p.zstd.Close()
	if err == nil {
		p.zstd.Reset(nil)
		packing.Put(p.zstd)
		p.zstd = nil
	}
	return p.packed.Bytes(), err
}

// maxText bounds one text of a section in bytes: a package's owned files are in
// its text.
const maxText = 1 << 30

// grownAtOnce is as much room as is made for a text before it is read, in bytes.
const grownAtOnce = 1 << 20

var errDamaged = errors.New("the catalogue is damaged")

// unpack visits the texts that were packed. A text is valid until visit returns.
func unpack(packed []byte, visit func(text []byte) error) error {
	z, err := newUnpacker()
	if err != nil {
		return err
	}
	defer func() {
		if z.Reset(nil) == nil {
			unpacking.Put(z)
		}
	}()
	if err := z.Reset(bytes.NewReader(packed)); err != nil {
		return err
	}
	in := bufio.NewReader(z)
	var text bytes.Buffer
	for {
		length, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || length > maxText {
			return fmt.Errorf("%w: a length", errDamaged)
		}
		text.Reset()
		text.Grow(int(min(length, grownAtOnce))) // a damaged length costs no more
		if n, err := io.CopyN(&text, in, int64(length)); err != nil || n != int64(length) {
			return fmt.Errorf("%w: it ends within a text", errDamaged)
		}
		if err := visit(text.Bytes()); err != nil {
			return err
		}
	}
}
