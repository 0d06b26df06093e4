package sbom

import (
	"context"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// ownership gives the relationships of packages to the files that they own, and notes
// which of these plain packages were found by.
//
// They are most of an image's relationships. syft makes them of copies of the
// packages, with an index of all of them in the end, and asks nothing of them that
// it does not know from the packages, too. Here they are two numbers each.
func ownership(ctx context.Context, packages []pkg.Package, r file.PathResolver, ends *ends, o *overlaps) ([]relation, error) {
	var list []relation
	for _, p := range packages {
		owner, ok := p.Metadata.(pkg.FileOwner)
		if !ok {
			continue
		}
		from := ends.odd.number(p.ID())
		overlapping := !withinArchive(p)
		own := map[uint64]bool{} // a file is found at many paths
		for _, path := range owner.OwnedFiles() {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			found, err := r.FilesByPath(path)
			if overlapping {
				o.owns(p, path, found)
			}
			if err != nil {
				break
			}
			for _, l := range found {
				to := uint64(identity(l.Coordinates))
				if own[to] {
					continue
				}
				own[to] = true
				if len(found) != 1 || l.RealPath != path { // else it was found where it is
					ends.files[l.Coordinates] = to
				}
				list = append(list, relation{from: from, to: to, kind: artifact.ContainsRelationship})
			}
		}
	}
	return list, nil
}
