package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// maxWindow bounds the memory that unpacking may take.
const maxWindow = 64 << 20

// packingWindow is how far back a packer looks, in bytes. It keeps twice as much, so
// that it does not move a window for each of its blocks.
const packingWindow = 2 << 20

// pack has fill write through a packer into w, which packs while fill goes on. The
// same bytes give the same packed ones.
func pack(w io.Writer, fill func(io.Writer) error) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packingWindow))
	if err != nil {
		return err
	}
	err = fill(z)
	if ended := z.Close(); err == nil { // else it has the same to say
		err = ended
	}
	return err
}

// packedPart completes a part whose packed bytes open gives.
func packedPart(p Part, open func() (io.ReadCloser, error)) Part {
	p.packed = open
	p.Open = func() (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return &unpacking{z, r}, nil
	}
	return p
}

type unpacking struct {
	*zstd.Decoder
	from io.Closer
}

// Close ends the reading.
func (u *unpacking) Close() error {
	u.Decoder.Close()
	return u.from.Close()
}

// table says where the parts of a bundle file lie.
type table struct {
	Index  json.RawMessage `json:"index"`
	Parts  []tableEntry    `json:"parts"`
	Digest string          `json:"digest"` // sha256 of all bytes before the frame
}

// tableEntry is where a part's packed bytes lie, in the order of the index.
type tableEntry struct {
	At     int64 `json:"at"`
	Length int64 `json:"length"`
}

// The table's frame: magic number and length as for every frame that decoders
// skip, the table, and a tail, so that it is found from the end: its SHA-256, its
// length once more and a mark.
const (
	skipped   = 0x184d2a5e
	tableMark = 0x74706232
	frameHead = 4 + 4
	frameTail = sha256.Size + 4 + 4
)

func (t table) frame() ([]byte, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return frameOf(data), nil
}

func frameOf(data []byte) []byte {
	frame := binary.LittleEndian.AppendUint32(nil, skipped)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(data)+frameTail))
	frame = append(frame, data...)
	sum := sha256.Sum256(data)
	frame = append(frame, sum[:]...)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(data)))
	return binary.LittleEndian.AppendUint32(frame, tableMark)
}

// readTable reads the table and checks that it and what is before it is whole.
func readTable(r io.ReaderAt, size int64) (table, error) {
	var t table
	var tail [8]byte
	if size < frameHead+frameTail {
		return t, damaged("it is too short")
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, size-8, 8), tail[:]); err != nil {
		return t, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	start := size - frameTail - length - frameHead
	if binary.LittleEndian.Uint32(tail[4:]) != tableMark || length > maxIndex || start < 0 {
		return t, damaged("it has no table of its parts")
	}
	frame := make([]byte, size-start)
	if _, err := io.ReadFull(io.NewSectionReader(r, start, size-start), frame); err != nil {
		return t, err
	}
	data := frame[frameHead : frameHead+length]
	if !bytes.Equal(frame, frameOf(data)) {
		return t, damaged("its table is not what was written")
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return t, damaged("its table: %w", err)
	}
	digest, _, err := Sum(io.NewSectionReader(r, 0, start))
	if err == nil && digest != t.Digest {
		err = damaged("its bytes are %s, its table says %s", digest, t.Digest)
	}
	return t, err
}

// OpenFile opens a bundle file where it lies, size bytes that r gives; its parts
// are read from there. All of it is checked against its own digest. The bundle
// closes r, and so does an error.
func OpenFile(r interface {
	io.ReaderAt
	io.Closer
}, size int64) (*Bundle, error) {
	b, err := openFile(r, size)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	b.file = r
	return b, nil
}

func openFile(r io.ReaderAt, size int64) (*Bundle, error) {
	t, err := readTable(r, size)
	if err != nil {
		return nil, err
	}
	var head index
	if err := json.Unmarshal(t.Index, &head); err != nil {
		return nil, damaged("its index: %w", err)
	}
	if head.Version != fileVersion || !reference.IsDigest(head.Digest) || len(head.Parts) != len(t.Parts) {
		return nil, fault.New(fault.Unsupported, "read bundle file: its table is of another version")
	}
	if err := checkParts(head.Parts); err != nil {
		return nil, err
	}
	b := &Bundle{}
	head.name(b)
	for i, p := range head.Parts {
		at := t.Parts[i]
		if at.At < 0 || at.Length < 0 || at.At > size-at.Length {
			return nil, damaged("%s lies beyond its end", p.Kind)
		}
		b.Put(packedPart(Part{Kind: p.Kind, MediaType: p.MediaType, Digest: p.Digest, Size: p.Size},
			func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(r, at.At, at.Length)), nil }))
	}
	return b, nil
}

// fileWriter writes a bundle file, and knows where it is.
type fileWriter struct {
	to  io.Writer
	at  int64
	sum hash.Hash
}

// Write is counted and hashed.
func (f *fileWriter) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.at += int64(n)
	f.sum.Write(p[:n])
	return n, err
}

// frame writes a few bytes as a zstd stream of their own.
func (f *fileWriter) frame(p []byte) error {
	return pack(f, func(z io.Writer) error {
		_, err := z.Write(p)
		return err
	})
}

// part writes a part's packed bytes.
func (f *fileWriter) part(p Part) (tableEntry, error) {
	start := f.at
	if p.packed == nil {
		r, err := p.Open()
		if err != nil {
			return tableEntry{}, err
		}
		defer r.Close()
		err = pack(f, func(z io.Writer) error {
			_, err := io.Copy(struct{ io.Writer }{z}, r) // its ReadFrom does not wait for what is under way where r fails
			return err
		})
		return tableEntry{start, f.at - start}, err
	}
	r, err := p.packed()
	if err != nil {
		return tableEntry{}, err
	}
	defer r.Close()
	_, err = io.Copy(f, r)
	return tableEntry{start, f.at - start}, err
}

// end writes the table.
func (f *fileWriter) end(t table) error {
	t.Digest = "sha256:" + hex.EncodeToString(f.sum.Sum(nil))
	frame, err := t.frame()
	if err != nil {
		return err
	}
	_, err = f.to.Write(frame)
	return err
}

// newFileWriter writes to w.
func newFileWriter(w io.Writer) *fileWriter { return &fileWriter{to: w, sum: sha256.New()} }
