package sbom

import (
	"context"
	"io"
)

// readerAt is what catalogers want of a file, so as not to read it into memory.
type readerAt interface {
	io.ReadCloser
	io.ReaderAt
	io.Seeker
}

type endingReader struct {
	io.ReadCloser
	ctx context.Context
}

func (r endingReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.ReadCloser.Read(p)
}

type endingReaderAt struct {
	readerAt
	ctx context.Context
}

func (r endingReaderAt) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.readerAt.Read(p)
}

func (r endingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.readerAt.ReadAt(p, off)
}
