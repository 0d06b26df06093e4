package sbom

import (
	"context"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// owned is which files of the image a package owns.
//
// The relationships to them are most of an image's. syft makes them of copies of the
// packages, with an index of all of them in the end, and asks nothing of them that
// it does not know from the packages, too. Here they are a number each.
type owned struct {
	files     []uint64           // by their identities, each once
	elsewhere []file.Coordinates // those of them that are not where the package says
}

// ownedBy finds the files of a package that owns some. It ends with the context, and
// with the first path that cannot be followed.
func ownedBy(ctx context.Context, owner pkg.FileOwner, r file.PathResolver) *owned {
	var o owned
	seen := map[uint64]bool{} // a file is found at many paths
	for _, path := range owner.OwnedFiles() {
		if ctx.Err() != nil {
			break
		}
		found, err := r.FilesByPath(path)
		if err != nil {
			break
		}
		for _, l := range found {
			id := uint64(identity(l.Coordinates))
			if !seen[id] {
				seen[id] = true
				o.files = append(o.files, id)
			}
			if l.RealPath != path {
				o.elsewhere = append(o.elsewhere, l.Coordinates)
			}
		}
	}
	return &o
}

// findOwned finds the files of packages that were just found. What is found under one
// identity twice has the files of both.
func (s *survey) findOwned(packages []pkg.Package) {
	for _, p := range packages {
		owner, ok := p.Metadata.(pkg.FileOwner)
		if !ok || p.ID() == "" {
			continue
		}
		files := ownedBy(s.watched.ctx, owner, s.watched)
		s.mu.Lock()
		s.owned[p.ID()] = files.and(s.owned[p.ID()])
		s.mu.Unlock()
	}
}

// and has what either has.
func (o *owned) and(other *owned) *owned {
	if other == nil {
		return o
	}
	both := &owned{files: slices.Clone(other.files), elsewhere: slices.Concat(other.elsewhere, o.elsewhere)}
	seen := map[uint64]bool{}
	for _, id := range other.files {
		seen[id] = true
	}
	for _, id := range o.files {
		if !seen[id] {
			both.files = append(both.files, id)
		}
	}
	return both
}

// ownedBy is what a package owns, which was found some time.
func (s *survey) ownedBy(p pkg.Package) *owned {
	if files := s.owned[p.ID()]; files != nil {
		return files
	}
	return ownedBy(s.watched.ctx, p.Metadata.(pkg.FileOwner), s.watched)
}

// ownership gives the relationships of packages to the files that they own, and to the
// packages that were found by these.
func (s *survey) ownership(ctx context.Context, packages []pkg.Package, ends *ends) ([]relation, error) {
	var list []relation
	overlaps := newOverlaps(packages, s.held)
	for _, p := range packages {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if _, ok := p.Metadata.(pkg.FileOwner); !ok {
			continue
		}
		files, from := s.ownedBy(p), ends.odd.number(p.ID())
		for _, to := range files.files {
			list = append(list, relation{from: from, to: to, kind: artifact.ContainsRelationship})
		}
		for _, at := range files.elsewhere {
			ends.files[at] = uint64(identity(at))
		}
		if !withinArchive(p) {
			overlaps.of(p, files)
		}
	}
	overlapping, err := overlaps.relations(ctx, s.owners, ends)
	return append(list, overlapping...), err
}

// isOwner tells whether a package is one by whose files others may be found.
func isOwner(p pkg.Package) bool {
	_, ok := p.Metadata.(pkg.FileOwner)
	return ok && !withinArchive(p) && strings.TrimSpace(p.Name) != "" // else syft drops it
}
