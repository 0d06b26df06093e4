package sbom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
)

// Catalog has syft find the packages of the image, and takes type, mode, owner
// and digest of every path.
func (i *Image) Catalog(ctx context.Context) (*Document, error) {
	s, err := i.create(ctx)
	if err != nil {
		return nil, err
	}
	d := &Document{sbom: s}
	if err := i.addDigests(ctx, d); err != nil {
		return nil, err
	}
	return d, nil
}

// create runs syft where its end can be waited for: left to itself it returns
// when ctx ends, and its catalogers go on reading.
func (i *Image) create(ctx context.Context) (*sbom.SBOM, error) {
	type result struct {
		sbom *sbom.SBOM
		err  error
	}
	done := make(chan result, 1)
	go func() {
		s, err := i.createSBOM(ctx)
		done <- result{s, err}
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil {
			return nil, fmt.Errorf("catalog packages: %w", context.Cause(ctx))
		}
		return r.sbom, r.err
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(patience):
	}
	return nil, fmt.Errorf("catalog packages: %w", context.Cause(ctx))
}

func (i *Image) createSBOM(ctx context.Context) (s *sbom.SBOM, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("catalog packages: panic: %v", p)
		}
	}()
	shared, err := licences()
	if err != nil {
		return nil, err
	}
	inner := withValues{context.WithoutCancel(ctx), shared}
	s, err = syft.CreateSBOM(inner, indexedSource{i.source, ctx}, config())
	if err != nil {
		return nil, fmt.Errorf("catalog packages: %w", err)
	}
	return s, nil
}

// config is syft's own for images, with every file's metadata. Digests are the
// pass's affair.
func config() *syft.CreateSBOMConfig {
	return syft.DefaultCreateSBOMConfig().
		WithParallelism(2 * runtime.GOMAXPROCS(0)).
		WithFilesConfig(filecataloging.DefaultConfig().WithSelection(file.AllFilesSelection).WithHashers())
}

// addDigests gives every regular file its digest, from the pass where that
// could follow it.
func (i *Image) addDigests(ctx context.Context, d *Document) error {
	digests := map[file.Coordinates][]file.Digest{}
	err := i.Files(func(f File) error {
		if f.entry.Sparse {
			d.AddGap(f.Path, f.Layer, "it is sparse: packages in it, and its content where it is retrieved, may be wrong")
		}
		sum := f.entry.SHA256()
		if !f.known {
			var err error
			if sum, err = digestOf(ctx, f); err != nil {
				d.AddGap(f.Path, f.Layer, "take digest: "+err.Error())
				return ctx.Err()
			}
		}
		digests[coordinates(f.Path, f.Layer)] = []file.Digest{{Algorithm: "sha256", Value: sum}}
		return nil
	})
	d.sbom.Artifacts.FileDigests = digests
	return err
}

func digestOf(ctx context.Context, f File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, endingReader{r, ctx}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
