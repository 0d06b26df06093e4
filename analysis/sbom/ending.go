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
