package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

const (
	wholeLimit = 1 << 20 // parts up to this size are kept in memory and sent as they are
	zstdWindow = 1 << 20 // bytes; bounds the memory of both sides
)

// load is a part in the form it is sent in. The length is known beforehand:
// some servers want no other.
type load struct {
	part     bundle.Part
	encoding string // "": as it is
	length   int64
	packed   string // digest of what is sent, where encoding is not ""
	whole    []byte // a small part
	file     string // a large one, compressed; "" is none
}

// newLoad keeps a small part in memory and compresses a large one into a file
// in dir. Either way it reads the part once, and compares it with its digest.
func newLoad(ctx context.Context, p bundle.Part, dir string) (*load, error) {
	r, err := p.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	in := &checked{Reader: &stoppable{ctx, r}, want: p, sum: sha256.New()}
	if p.Size <= wholeLimit {
		data, err := io.ReadAll(in)
		return &load{part: p, whole: data, length: int64(len(data))}, err
	}
	l := &load{part: p, encoding: "zstd"}
	if err := l.compress(in, dir); err != nil {
		l.remove()
		return nil, err
	}
	return l, nil
}

// compress fills a file of the load's own.
func (l *load) compress(r io.Reader, dir string) (err error) {
	f, err := os.CreateTemp(dir, "upload-")
	if err != nil {
		return err
	}
	l.file = f.Name()
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := &sized{Hash: sha256.New()}
	z, err := zstd.NewWriter(io.MultiWriter(f, sum), zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	_, err = io.Copy(z, r)
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	l.length, l.packed = sum.n, hex.EncodeToString(sum.Sum(nil))
	return nil
}

// unpack gives up compression, for a server that does not know it.
func (l *load) unpack() {
	l.remove()
	l.encoding, l.packed, l.length = "", "", l.part.Size
}

// body is the load as a request's body; tell hears how much of it was sent.
func (l *load) body(tell func(int64)) *body {
	return &body{
		mediaType: mediaTypeOf(l.part), encoding: l.encoding, length: l.length,
		open: func() (io.ReadCloser, error) {
			r, err := l.open()
			if err != nil {
				return nil, err
			}
			return &counted{ReadCloser: r, tell: tell}, nil
		},
	}
}

func (l *load) open() (io.ReadCloser, error) {
	switch {
	case l.whole != nil:
		return io.NopCloser(bytes.NewReader(l.whole)), nil
	case l.encoding != "":
		return os.Open(l.file)
	}
	r, err := l.part.Open()
	if err != nil {
		return nil, err
	}
	in := &checked{Reader: r, want: l.part, sum: sha256.New()}
	return struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

// remove deletes the compressed file.
func (l *load) remove() {
	if l.file != "" {
		os.Remove(l.file)
		l.file = ""
	}
}

// checked compares what is read with the part it should be.
type checked struct {
	io.Reader
	want bundle.Part
	sum  hash.Hash
	n    int64
}

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.sum.Write(b[:n])
	if c.n += int64(n); c.n > c.want.Size || err == io.EOF && !c.right() {
		return n, fault.New(fault.Invalid, "the evidence is not what was recorded: %s should have %d bytes and be %s",
			c.want.Kind, c.want.Size, c.want.Digest).WithHint("analyse the image again")
	}
	return n, err
}

func (c *checked) right() bool {
	return c.n == c.want.Size && hex.EncodeToString(c.sum.Sum(nil)) == plain(c.want.Digest)
}

// stoppable stops reading when its context ends.
type stoppable struct {
	ctx context.Context
	io.Reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.Reader.Read(b)
}

// sized is a hash that counts.
type sized struct {
	hash.Hash
	n int64
}

func (s *sized) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	return s.Hash.Write(b)
}
