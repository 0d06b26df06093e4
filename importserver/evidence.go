package importserver

import (
	"context"
	"io"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// part is a stored part as a bundle has it.
func (s *Server) part(ctx context.Context, p store.Part) bundle.Part {
	return bundle.Part{
		Kind: bundle.Kind(p.Kind), MediaType: p.MediaType, Digest: p.Digest, Size: p.Size,
		Open: func() (io.ReadCloser, error) { return s.blobs.Open(ctx, keyOf(p)) },
	}
}

// limitOf is how long a part of a kind may be, unpacked.
func (s *Server) limitOf(kind bundle.Kind) int64 {
	switch kind {
	case bundle.Manifest, bundle.ParentManifest:
		return min(s.options.MaxPart, bundle.MaxManifest)
	case bundle.ImageConfig:
		return min(s.options.MaxPart, bundle.MaxConfig)
	case bundle.Dockerfile:
		return min(s.options.MaxPart, bundle.MaxDockerfile)
	}
	return s.options.MaxPart
}

// keep stores the bytes of a part. Until they are referred to by a row, the
// housekeeper leaves them alone for Options.BlobAge.
func (s *Server) keep(ctx context.Context, kind bundle.Kind, mediaType string, r io.Reader) (store.Part, error) {
	r, checked := check(kind, r)
	staged, err := s.blobs.Stage(ctx, r, s.limitOf(kind))
	refused := checked()
	if err != nil {
		return store.Part{}, err
	}
	defer staged.Discard()
	if refused != nil {
		return store.Part{}, refused
	}
	b, err := s.keeper().Keep(ctx, staged)
	if err != nil {
		return store.Part{}, err
	}
	return store.Part{
		Kind: string(kind), Digest: b.Digest, Generation: b.Generation, Size: staged.Size, MediaType: mediaType, CreatedAt: s.now(),
	}, nil
}

// keyOf names the blob of a part.
func keyOf(p store.Part) blobs.Key { return blobs.Key{Digest: p.Digest, Generation: p.Generation} }

// check reads a part along with whoever reads it, and tells at the end whether
// it must not be kept.
func check(kind bundle.Kind, r io.Reader) (io.Reader, func() error) {
	if kind != bundle.SecretSearches && kind != bundle.ContentSearches {
		return r, func() error { return nil }
	}
	along, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := bundle.CheckSearches(along)
		io.Copy(io.Discard, along) // whoever reads r must not wait for this
		done <- err
	}()
	return io.TeeReader(r, w), func() error {
		w.Close()
		return <-done
	}
}

// keepBundle stores all parts of a bundle.
func (s *Server) keepBundle(ctx context.Context, b *bundle.Bundle) ([]store.Part, error) {
	var parts []store.Part
	for _, p := range b.Parts() {
		r, err := p.Open()
		if err != nil {
			return nil, err
		}
		kept, err := s.keep(ctx, p.Kind, p.MediaType, r)
		r.Close()
		if err != nil {
			return nil, err
		}
		parts = append(parts, kept)
	}
	return parts, nil
}

// evidenceOf is the digest of parts as bundle.Bundle.Evidence has it.
func evidenceOf(parts []store.Part) string {
	var b bundle.Bundle
	for _, p := range parts {
		b.Put(bundle.Part{Kind: bundle.Kind(p.Kind), Digest: p.Digest})
	}
	return b.Evidence()
}
