package sbom

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/bmatcuk/doublestar/v4"
)

// indexedSource is a source whose resolver answers patterns within one folder
// from an index, and nothing once ctx has ended.
type indexedSource struct {
	source.Source
	ctx context.Context
}

// FileResolver wraps the source's.
func (s indexedSource) FileResolver(scope source.Scope) (file.Resolver, error) {
	inner, err := s.Source.FileResolver(scope)
	if err != nil {
		return nil, err
	}
	r := &resolver{Resolver: inner, ctx: s.ctx}
	r.index = sync.OnceValue(r.buildIndex)
	return r, nil
}

// resolver finds files. Most of what catalogers ask for are patterns within a
// folder ("/usr/lib/node_modules/x/*licen*"), for which the inner resolver goes
// through the names of the whole image each time.
type resolver struct {
	file.Resolver
	ctx   context.Context
	index func() index
}

// index is the image's folders, and its symbolic links.
type index struct {
	folders map[string][]string // folder -> sorted names in it
	links   map[string]bool
}

func (r *resolver) buildIndex() index {
	x := index{folders: map[string][]string{}, links: map[string]bool{}}
	for l := range r.Resolver.AllLocations(context.WithoutCancel(r.ctx)) {
		if m, err := r.FileMetadataByLocation(l); err == nil && m.Type == stereofile.TypeSymLink {
			x.links[l.RealPath] = true
		}
		folder, name := path.Split(l.RealPath)
		folder = path.Clean(folder)
		x.folders[folder] = append(x.folders[folder], name)
	}
	for names := range maps.Values(x.folders) {
		slices.Sort(names)
	}
	return x
}

// FilesByGlob finds what the inner resolver finds, in the same order.
func (r *resolver) FilesByGlob(patterns ...string) ([]file.Location, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	var found []file.Location
	seen := map[stereofile.ID]bool{}
	for _, pattern := range patterns {
		locations, err := r.glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, l := range locations {
			ref := l.Reference()
			if !seen[ref.ID()] {
				seen[ref.ID()] = true
				found = append(found, l)
			}
		}
	}
	return found, nil
}

// glob answers from the index what the inner resolver would say. For a bare "*"
// that depends on whether a layer describes the folder, which the index does not
// know.
func (r *resolver) glob(pattern string) ([]file.Location, error) {
	folder, name, ok := inFolder(pattern)
	if !ok {
		return r.Resolver.FilesByGlob(pattern)
	}
	x := r.index()
	names, exists := x.folders[folder]
	if !exists && r.Resolver.HasPath(folder) { // through a symbolic link
		return r.Resolver.FilesByGlob(pattern)
	}
	return r.match(x, folder, name, names)
}

// inFolder splits a pattern of names within one folder that is given in full.
func inFolder(pattern string) (folder, name string, ok bool) {
	given, name := path.Split(pattern)
	folder = path.Clean(given)
	switch {
	case !path.IsAbs(pattern), folder != given && folder+"/" != given, strings.ContainsAny(folder, `*?[{\`):
		return "", "", false
	case name == "", name == "*", strings.Contains(name, "**"):
		return "", "", false
	}
	return folder, name, true
}

// match gives the files among names that match, each once: by its own name
// where that matches, else by the first link to it.
func (r *resolver) match(x index, folder, pattern string, names []string) ([]file.Location, error) {
	var real, linked []string
	for _, name := range names {
		ok, err := doublestar.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		p := path.Join(folder, name)
		switch {
		case ok && x.links[p]:
			linked = append(linked, p)
		case ok:
			real = append(real, p)
		}
	}
	if len(real)+len(linked) == 0 {
		return nil, nil
	}
	return r.Resolver.FilesByPath(append(real, linked...)...)
}
