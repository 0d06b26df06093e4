// Package sbom has syft catalogue an image while its layers are read, and
// writes what it found in the formats of software bills of materials.
package sbom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	async "github.com/anchore/go-sync"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	_ "github.com/glebarez/go-sqlite" // syft reads RPM databases through a driver named sqlite

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/formats/fault"
)

// Source is what the document says the image is.
type Source struct {
	Name      string        // by which it was asked for
	Tags      []string      // full tags
	Manifest  []byte        // byte for byte
	Config    []byte        // byte for byte
	MediaType string        // of the manifest
	Layers    []SourceLayer // lowest first
}

// Image is an image that was read: its files as the final image has them, and
// their contents, which lie in a temporary folder until Close.
type Image struct {
	image  *image.Image
	source source.Source
	pass   *files.Pass
	dir    string
}

// maxLayersAtOnce bounds the layers that are read at the same time.
const maxLayersAtOnce = 4

// Read reads the image of a pass, which it spills into a folder of its own below
// dir ("" is the system's temporary folder).
func Read(ctx context.Context, pass *files.Pass, src Source, dir string) (*Image, error) {
	temp, err := os.MkdirTemp(dir, "layers-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the image's layers: %w", err)
	}
	img := image.New(pass.Image(), nil, temp,
		image.WithManifest(src.Manifest), image.WithConfig(src.Config), image.WithTags(src.Tags...))
	i := &Image{image: img, pass: pass, dir: temp}
	if err := i.read(ctx); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	i.source = stereoscopesource.New(img, stereoscopesource.ImageConfig{Reference: src.Name})
	return i, nil
}

func (i *Image) read(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read the image: panic: %v", p)
		}
	}()
	workers := async.NewExecutor(min(runtime.GOMAXPROCS(0), maxLayersAtOnce))
	inner := async.SetContextExecutor(image.WithLazyLayerSquashes(ctx), image.LayerFetchExecutor, workers)
	err = i.image.Read(inner)
	if ctx.Err() != nil {
		return fmt.Errorf("read the image: %w", context.Cause(ctx))
	}
	if own := i.pass.Err(); own != nil && (err == nil || !errors.Is(own, files.ErrAbandoned)) {
		return own
	}
	var system *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &system):
		return fmt.Errorf("read the image: %w", err)
	}
	return fault.New(fault.Unsupported, "read the image: %w", err)
}

// Close removes what was spilled.
func (i *Image) Close() error {
	return errors.Join(i.image.Cleanup(), os.RemoveAll(i.dir))
}
