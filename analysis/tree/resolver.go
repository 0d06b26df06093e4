package tree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
)

// Open opens the content of the entry at a place.
type Open func(context.Context, Place) (Content, error)

// resolver answers what syft's resolver of squashed images does.
type resolver struct {
	tree *Tree
	ctx  context.Context
	open Open
}

// Resolver finds and opens the files of the final image as syft's catalogers
// want them. Once ctx has ended it finds nothing more, and what it opened can not
// be read any more. The same file has the same reference in all resolvers of a
// tree.
func (t *Tree) Resolver(ctx context.Context, open Open) Resolver {
	return &resolver{t, ctx, open}
}

// Resolver is syft's, and what else it knows.
type Resolver interface {
	file.Resolver
	// Digest is the SHA-256 of a file's content, links not followed; false where
	// there is none.
	Digest(file.Location) ([sha256.Size]byte, bool)
	// Locate gives the location of what a layer describes at exactly that path.
	Locate(path string) (file.Location, bool)
	// Below gives what a layer describes below folders of a name in folders of
	// another one, wherever they are, sorted by path, until ctx ends.
	Below(ctx context.Context, folder, name string) <-chan file.Location
	// Place tells where a file's content is described.
	Place(file.Location) (Place, bool)
}

// ended is why nothing is answered any more.
func (r *resolver) ended() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

// HasPath says whether there is such a path. A link at its end need not lead
// anywhere.
func (r *resolver) HasPath(p string) bool {
	if r.ended() != nil {
		return false
	}
	f, err := find(r.tree, p, false)
	return err == nil && f.node != none
}

// FilesByPath gives the files at paths, links followed, each once. Folders, and
// what there is not, are left out.
func (r *resolver) FilesByPath(paths ...string) ([]file.Location, error) {
	if err := r.ended(); err != nil {
		return nil, err
	}
	all := locations{tree: r.tree}
	for _, p := range paths {
		if h, ok := r.tree.search.byPath(p); ok && r.tree.isFile(h.node) {
			all.add(p, h.node)
		}
	}
	return all.list(), nil
}

// FilesByGlob gives the files that match patterns, each once.
func (r *resolver) FilesByGlob(patterns ...string) ([]file.Location, error) {
	all := locations{tree: r.tree}
	for _, p := range patterns {
		if err := r.ended(); err != nil {
			return nil, err
		}
		hits, err := r.tree.search.byGlob(r.ctx, p)
		if err != nil {
			return nil, fmt.Errorf("search the image's files for %q: %w", p, err)
		}
		for _, h := range hits {
			if r.tree.isFile(h.node) {
				all.add(h.path, h.node)
			}
		}
		if err := r.tree.work.found(len(all.all)); err != nil {
			return nil, fmt.Errorf("search the image's files for %q: %w", p, err)
		}
	}
	return all.list(), nil
}

// FilesByMIMEType gives the files whose content is of one of the kinds.
func (r *resolver) FilesByMIMEType(kinds ...string) ([]file.Location, error) {
	if err := r.ended(); err != nil {
		return nil, err
	}
	hits, err := r.tree.search.byMIME(r.ctx, kinds...)
	if err != nil {
		return nil, fmt.Errorf("search the image's files by kind: %w", err)
	}
	all := locations{tree: r.tree}
	for _, h := range hits {
		if r.tree.described(h.node) {
			all.add(h.path, h.node)
		}
	}
	return all.list(), nil
}

// RelativeFileByPath is the file at a path, wherever the other one is.
func (r *resolver) RelativeFileByPath(_ file.Location, p string) *file.Location {
	found, err := r.FilesByPath(p)
	if err != nil || len(found) == 0 {
		return nil
	}
	return &found[0]
}

// AllLocations gives all that a layer describes, folders too, sorted by path,
// until ctx or that of the resolver ends.
func (r *resolver) AllLocations(ctx context.Context) <-chan file.Location {
	return r.give(ctx, func(int32) bool { return true })
}

// Below gives what a layer describes below folders of a name in folders of
// another one.
func (r *resolver) Below(ctx context.Context, folder, name string) <-chan file.Location {
	at := map[int32]bool{}
	for n := range r.tree.nodes { // those that no layer describes, too
		if n := int32(n); string(r.tree.name(n)) == name && string(r.tree.name(r.tree.parent(n))) == folder {
			at[n] = true
		}
	}
	if len(at) == 0 {
		found := make(chan file.Location)
		close(found)
		return found
	}
	return r.give(ctx, func(n int32) bool {
		for n != 0 {
			if n = r.tree.parent(n); at[n] {
				return true
			}
		}
		return false
	})
}

func (r *resolver) give(ctx context.Context, wanted func(int32) bool) <-chan file.Location {
	results := make(chan file.Location)
	go func() {
		defer close(results)
		for n := range r.tree.sorted {
			if r.ended() != nil {
				return
			}
			if !wanted(n) {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-r.ctx.Done():
				return
			case results <- r.tree.location("", n):
			}
		}
	}()
	return results
}

// FileMetadataByLocation describes the file of a location of this tree.
func (r *resolver) FileMetadataByLocation(l file.Location) (file.Metadata, error) {
	if err := r.ended(); err != nil {
		return file.Metadata{}, err
	}
	n, ok := r.tree.given.node(l.Reference())
	if !ok {
		return file.Metadata{}, fs.ErrNotExist
	}
	return r.tree.metadata(n), nil
}

// Digest is the SHA-256 of the content of a location's file, links not followed;
// false where there is none.
func (r *resolver) Digest(l file.Location) (digest [sha256.Size]byte, ok bool) {
	n, ok := r.tree.given.node(l.Reference())
	if !ok {
		return digest, false
	}
	e := r.tree.entry(n)
	return e.Digest, e.Regular
}

// Place tells where the content of a location's file is described, links not
// followed.
func (r *resolver) Place(l file.Location) (Place, bool) {
	n, ok := r.tree.given.node(l.Reference())
	if !ok {
		return Place{}, false
	}
	return r.tree.base(n), true
}

// Locate gives the location of what a layer describes at exactly that path, links
// not followed.
func (r *resolver) Locate(p string) (file.Location, bool) {
	if n := literal(r.tree, p); n != none && r.tree.described(n) {
		return r.tree.location("", n), true
	}
	return file.Location{}, false
}

// FileContentsByLocation opens the file of a location of this tree, links
// followed. Devices and pipes are empty.
func (r *resolver) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	if err := r.ended(); err != nil {
		return nil, err
	}
	n, ok := r.tree.given.node(l.Reference())
	if !ok {
		return nil, fmt.Errorf("open %s: %w", l.FullNestedPath(), fs.ErrNotExist)
	}
	if r.tree.kind(n).isLink() {
		h, ok := r.tree.search.byPath(l.RealPath)
		if !ok || !r.tree.isFile(h.node) {
			return nil, fmt.Errorf("open %s: the link leads to no file: %w", l.RealPath, fs.ErrNotExist)
		}
		n = h.node
	}
	if r.tree.kind(n) == folder {
		return nil, fmt.Errorf("open %s: it is a folder", l.RealPath)
	}
	return r.content(n)
}

// content opens the content of a node.
func (r *resolver) content(n int32) (io.ReadCloser, error) {
	place := r.tree.base(n)
	x := r.tree.layers[place.Layer].Index
	if x.Size(place.Ordinal) == 0 || headerOnly(x.Type(place.Ordinal)) {
		return ending{empty(), r.ctx}, nil
	}
	c, err := r.open(r.ctx, place)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", r.tree.path(n), err)
	}
	return ending{c, r.ctx}, nil
}

// locations are those found, each file once.
type locations struct {
	tree  *Tree
	first int32
	more  map[int32]bool // beside the first: most answers have one
	all   []file.Location
}

func (l *locations) add(access string, n int32) {
	switch {
	case len(l.all) == 0:
		l.first = n
	case l.first == n || l.more[n]:
		return
	case l.more == nil:
		l.more = map[int32]bool{n: true}
	default:
		l.more[n] = true
	}
	l.all = append(l.all, l.tree.location(access, n))
}

func (l *locations) list() []file.Location {
	if l.all == nil {
		return []file.Location{}
	}
	return l.all
}

// isFile says whether a node is described, and not as a folder. A header may give
// anything the mode of a folder.
func (t *Tree) isFile(n int32) bool {
	if n == 0 || !t.described(n) || t.kind(n) == folder {
		return false
	}
	base := t.base(n)
	return !t.layers[base.Layer].Index.Folder(base.Ordinal)
}

// metadata describes a node as stereoscope does.
func (t *Tree) metadata(n int32) file.Metadata {
	e := t.entry(n)
	return file.Metadata{
		FileInfo: info(e), Path: e.Path, LinkDestination: e.Link,
		UserID: e.UID, GroupID: e.GID,
		Type: stereofile.TypeFromTarType(e.Type), MIMEType: e.MIME,
	}
}
