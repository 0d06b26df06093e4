package tree

import (
	"context"
	"fmt"
	"maps"
	"slices"

	stereofile "github.com/anchore/stereoscope/pkg/file"
)

// Glob gives the regular files of the final image at the paths that match one
// of the patterns, links followed within the image, sorted by path: the one that
// matched.
func (t *Tree) Glob(ctx context.Context, patterns ...string) ([]File, error) {
	paths := map[string]bool{}
	r := &resolver{tree: t, ctx: ctx}
	// Knows paths through linked folders, and leaves out folders that no layer
	// describes and second names of a file.
	found, err := r.FilesByGlob(patterns...)
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		paths[l.AccessPath] = true
	}
	var all []pattern
	for _, p := range patterns {
		all = append(all, newPattern(p))
	}
	count := 0
	for n := range t.sorted {
		if count++; count%1024 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("search the image's files: %w", context.Cause(ctx))
		}
		own := t.path(n)
		for _, p := range all {
			if ok, err := p.match(own); ok && err == nil {
				paths[own] = true
			}
		}
	}
	var files []File
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if f, ok := t.regular(p); ok {
			files = append(files, f)
		}
	}
	return files, nil
}

// regular is the regular file that a path leads to.
func (t *Tree) regular(p string) (File, bool) {
	h, ok := t.search.byPath(p)
	if !ok || !t.isFile(h.node) {
		return File{}, false
	}
	f := t.file(h.node)
	f.Path = p
	return f, f.Type == stereofile.TypeRegular
}
