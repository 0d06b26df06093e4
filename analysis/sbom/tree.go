package sbom

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/bmatcuk/doublestar/v4"

	"github.com/tidepole/tidepole/analysis/files"
)

// File is a regular file of the final image.
type File struct {
	Path  string // absolute; for what Glob gives, the path that matched
	Layer string // diff ID of the layer it comes from
	Size  int64
	Open  func() (io.ReadCloser, error)

	entry files.File
	known bool
}

// Entry is what the pass learnt of the file's content, where it could follow it.
func (f File) Entry() (files.File, bool) { return f.entry, f.known }

// Files visits the regular files of the final image, in no particular order.
// An error ends it and is returned as it is.
func (i *Image) Files(visit func(File) error) error {
	catalog := i.image.FileCatalog
	for _, ref := range i.image.SquashedTree().AllFiles(stereofile.TypeRegular) {
		entry, err := catalog.Get(ref)
		if err != nil || entry.Type != stereofile.TypeRegular {
			continue // a folder that no layer describes, a device
		}
		layer := i.pass.Layer(int(catalog.Layer(ref).Metadata.Index))
		f := File{
			Path:  string(ref.RealPath),
			Layer: layer.ID(),
			Size:  entry.Size(),
			Open:  func() (io.ReadCloser, error) { return catalog.Open(ref) },
		}
		f.entry, f.known = layer.File(path.Clean(entry.Path))
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// Glob gives the regular files of the final image at the paths that match one
// of the patterns, links followed within the image, sorted by path.
func (i *Image) Glob(ctx context.Context, patterns ...string) ([]File, error) {
	resolver, err := i.source.FileResolver(source.SquashedScope)
	if err != nil {
		return nil, fmt.Errorf("list the image's files: %w", err)
	}
	// The resolver knows paths through linked folders, and leaves out folders
	// that no layer describes and second names of a file.
	locations, err := resolver.FilesByGlob(patterns...)
	if err != nil {
		return nil, fmt.Errorf("list the image's files: %w", err)
	}
	paths := map[string]bool{}
	for _, l := range locations {
		paths[l.AccessPath] = true
	}
	for l := range resolver.AllLocations(ctx) {
		for _, p := range patterns {
			if ok, _ := doublestar.Match(p, l.RealPath); ok {
				paths[l.RealPath] = true
			}
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("list the image's files: %w", context.Cause(ctx))
	}
	var found []File
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if f, ok := fileAt(resolver, p); ok {
			found = append(found, f)
		}
	}
	return found, nil
}

// fileAt is the regular file that a path leads to.
func fileAt(resolver file.Resolver, p string) (File, bool) {
	locations, err := resolver.FilesByPath(p)
	if err != nil || len(locations) != 1 {
		return File{}, false // nothing, a folder, or a link that leads nowhere
	}
	l := locations[0]
	m, err := resolver.FileMetadataByLocation(l)
	if err != nil || m.Type != stereofile.TypeRegular {
		return File{}, false
	}
	return File{
		Path: p, Layer: l.FileSystemID, Size: m.Size(),
		Open: func() (io.ReadCloser, error) { return resolver.FileContentsByLocation(l) },
	}, true
}

// coordinates are a file's key in a syft document.
func coordinates(path, layer string) file.Coordinates {
	return file.NewCoordinates(path, layer)
}
