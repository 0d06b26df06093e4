package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// Open reads a blob, unpacked. Bytes that do not have the digest make the last
// read fail, so that damage is never taken for evidence. Errors are
// fault.NotFound where there is no such blob, else fault.Unavailable.
func (s *Store) Open(ctx context.Context, k Key) (io.ReadCloser, error) {
	packed, err := s.OpenPacked(ctx, k)
	if err != nil {
		return nil, err
	}
	from := &source{ctx: ctx, r: packed}
	plain, err := unpack(from)
	if err != nil {
		packed.Close()
		return nil, s.failed(ctx, err, "open %s", k.Digest)
	}
	return &reader{s: s, key: k, packed: packed, from: from, plain: plain, sum: sha256.New()}, nil
}

// OpenPacked reads a blob as it lies in the store. Nothing checks its bytes. Errors
// are Open's.
func (s *Store) OpenPacked(ctx context.Context, k Key) (_ io.ReadCloser, err error) {
	defer s.observe("open", time.Now(), &err)
	name, err := k.Name()
	if err != nil {
		return nil, err
	}
	packed, err := s.bucket.NewReader(ctx, name, nil)
	if s.absent(err) {
		return nil, fault.New(fault.NotFound, "open %s: no such blob", k.Digest)
	}
	if err != nil {
		return nil, s.failed(ctx, err, "open %s", k.Digest)
	}
	return packed, nil
}

func unpack(packed io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(64<<20))
}

// reader hashes what it unpacks.
type reader struct {
	s      *Store
	key    Key
	packed io.Closer
	from   *source
	plain  *zstd.Decoder
	sum    hash.Hash
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	r.sum.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case r.from.err != nil:
		return n, r.s.failed(r.from.ctx, r.from.err, "read %s", r.key.Digest)
	case err == io.EOF && digestOf(r.sum) == r.key.Digest:
		return n, io.EOF
	}
	return n, fault.New(fault.Unavailable, "read %s: its bytes are damaged", r.key.Digest).
		WithHint("tidepole image add IMAGE --force analyses it again and replaces them")
}

func (r *reader) Close() error {
	r.plain.Close()
	return r.packed.Close()
}

func digestOf(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

// source is where packed bytes come from; it ends with its context.
type source struct {
	ctx context.Context
	r   io.Reader
	err error // why no more could be read; nil at the end
}

func (s *source) Read(p []byte) (n int, err error) {
	if err = s.ctx.Err(); err == nil {
		n, err = s.r.Read(p)
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
