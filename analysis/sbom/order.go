package sbom

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/pkg"
)

// sorted are the packages in syft's order, which pkg.Less has: by name, version,
// type and places, then by metadata. That order needs the metadata of few.
func (s *survey) sorted(all []pkg.Package) ([]pkg.Package, error) {
	type keyed struct {
		pkg.Package
		paths []string
	}
	list := make([]keyed, 0, len(all))
	for _, p := range all {
		var paths []string
		for _, l := range p.Locations.ToSlice() {
			paths = append(paths, l.FullNestedPath())
		}
		list = append(list, keyed{p, paths})
	}
	var failed error
	slices.SortStableFunc(list, func(a, b keyed) int {
		c := cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(string(a.Type), string(b.Type)),
			slices.Compare(a.paths, b.paths))
		if c != 0 {
			return c
		}
		first, err := s.whole(a.Package)
		second, more := s.whole(b.Package)
		switch failed = cmp.Or(failed, err, more); {
		case pkg.Less(first, second):
			return -1
		case pkg.Less(second, first):
			return 1
		}
		return 0
	})
	packages := make([]pkg.Package, len(list))
	for i, k := range list {
		packages[i] = k.Package
	}
	return packages, failed
}
