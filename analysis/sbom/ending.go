package sbom

import (
	"context"
	"io"

	"github.com/anchore/syft/syft/file"
)

// FilesByPath fails once the context has ended, so that whatever still
// catalogues ends too.
func (r *resolver) FilesByPath(paths ...string) ([]file.Location, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	return r.Resolver.FilesByPath(paths...)
}

// FilesByMIMEType fails once the context has ended.
func (r *resolver) FilesByMIMEType(kinds ...string) ([]file.Location, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	return r.Resolver.FilesByMIMEType(kinds...)
}

// FileContentsByLocation opens a file whose reading fails once the context has
// ended.
func (r *resolver) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	rc, err := r.Resolver.FileContentsByLocation(l)
	if err != nil {
		return nil, err
	}
	if at, ok := rc.(readerAt); ok {
		return endingReaderAt{at, r.ctx}, nil
	}
	return endingReader{rc, r.ctx}, nil
}

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
