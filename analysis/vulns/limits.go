package vulns

import (
	"context"
	"errors"
	"io"

	"github.com/tidepole/tidepole/formats/fault"
)

// source counts and bounds the bytes of an import, and ends with its context.
// It remembers why reading failed: a decompressor above it may say otherwise.
type source struct {
	ctx   context.Context
	r     io.Reader
	limit int64
	n     int64
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	if s.n > s.limit {
		err = fault.New(fault.TooLarge, "it has more than %d bytes", s.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// A database shrinks to a tenth when it is packed. What grows more than this
// from the bytes read so far was made to fill a disk.
const (
	bombRatio = 200
	bombFloor = 64 << 20
)

// bounded ends a stream that grows beyond what its source allows.
type bounded struct {
	r     io.Reader
	in    *source
	limit int64
	n     int64
}

func (x *extraction) bound(r io.Reader) io.Reader {
	return &bounded{r: r, in: x.in, limit: x.limits.Database}
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > b.limit:
		return 0, fault.New(fault.TooLarge, "it unpacks to more than %d bytes", b.limit)
	case b.n > bombFloor && b.n > b.in.n*bombRatio:
		return 0, fault.New(fault.TooLarge, "it unpacks to more than %d times its size", bombRatio)
	}
	return n, err
}

// watched tells an error of reading from one of writing.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
