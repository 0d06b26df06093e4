package sbom

import (
	"context"
	"slices"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/bmatcuk/doublestar/v4"
)

// Plain packages own no files and are no binaries. Most of an image's are. syft
// relates them to the image, to the files they were found by and to the packages that
// own these, and never leaves one out; for that it copies all of an image's packages
// some ten times. So they are not given to it, and related here.
type plains map[artifact.ID]pkg.Package

// isPlain tells whether a package is one. By those of Debian syft tells which support a
// distribution has.
func isPlain(p pkg.Package) bool {
	if p.ID() == "" || p.Type == pkg.BinaryPkg || p.Type == pkg.DebPkg || isStub(p.Name) || isStub(p.Version) {
		return false
	}
	switch p.Metadata.(type) {
	case pkg.FileOwner, pkg.ELFBinaryPackageNoteJSONPayload, pkg.BinarySignature, pkg.JavaVMInstallation:
		return false
	}
	return true
}

// take takes those that are plain, and gives the others.
func (all plains) take(packages []pkg.Package) []pkg.Package {
	var others []pkg.Package
	for _, p := range packages {
		if !isPlain(p) {
			others = append(others, p)
			continue
		}
		if known, ok := all[p.ID()]; ok { // found before: in other places, mostly
			both := pkg.NewCollection(known, p)
			p = *both.Package(p.ID())
		}
		all[p.ID()] = p
	}
	return others
}

// join is the packages that syft has left, and these. What syft could not find out of
// files that these were found by is taken out, as it does itself.
func (all plains) join(a *sbom.Artifacts) []pkg.Package {
	packages := make([]pkg.Package, 0, a.Packages.PackageCount()+len(all))
	for p := range a.Packages.Enumerate() { // each is a copy, which costs much
		if same, ok := all[p.ID()]; ok { // the image chose the identity of one
			delete(all, p.ID())
			both := pkg.NewCollection(p, same)
			p = *both.Package(p.ID())
		}
		packages = append(packages, p)
	}
	for _, p := range all {
		packages = append(packages, p)
		if len(a.Unknowns) > 0 {
			for _, l := range p.Locations.ToUnorderedSlice() {
				delete(a.Unknowns, l.Coordinates)
			}
		}
	}
	return packages
}

// related gives the relations of the image to these packages, and theirs to the files
// that they were found by.
func (all plains) related(ends *ends) (own, evident []relation, err error) {
	for id, p := range all {
		number := ends.odd.number(id)
		own = append(own, relation{to: number, kind: artifact.ContainsRelationship})
		for _, l := range p.Locations.ToUnorderedSlice() {
			kind, said := l.Annotations[pkg.EvidenceAnnotationKey]
			if !said {
				kind = pkg.SupportingEvidenceAnnotation
			}
			to, err := ends.identity(l.Coordinates)
			if err != nil {
				return nil, nil, err
			}
			evident = append(evident, relation{number, to, artifact.EvidentByRelationship, map[string]string{"kind": kind}})
		}
	}
	return own, evident, nil
}

// overlaps are the files of packages by which plain ones were found.
type overlaps struct {
	plain  map[string][]artifact.ID // by the paths they were found by
	files  map[overlap]map[string]bool
	linked []linked
}

type overlap struct{ owner, plain artifact.ID }

// linked is an overlap where the owner has a link to the file, and another package of
// the owner's type may have the file itself.
type linked struct {
	overlap
	kind pkg.Type
	path string
}

func newOverlaps(all plains) *overlaps {
	o := &overlaps{plain: map[string][]artifact.ID{}, files: map[overlap]map[string]bool{}}
	for id, p := range all {
		paths := map[string]bool{}
		for _, l := range p.Locations.ToUnorderedSlice() {
			paths[l.AccessPath], paths[l.FullNestedPath()] = true, true
		}
		delete(paths, "")
		for path := range paths {
			o.plain[path] = append(o.plain[path], id)
		}
	}
	return o
}

// notOwned are the files of which it means nothing whose they are, as syft has it.
var notOwned = []string{
	pkg.ApkDBGlob, pkg.DpkgDBGlob, pkg.RpmDBGlob,
	"**/rpm/{Packages,Packages.db,rpmdb.sqlite}", "/usr/share/doc/**/copyright",
}

// owns notes that a package owns what is at a path, found in these places.
func (o *overlaps) owns(owner pkg.Package, path string, found []file.Location) {
	if path == "" {
		return
	}
	o.note(owner, path, path)
	for _, l := range found {
		if l.RealPath != path {
			o.note(owner, path, l.RealPath)
		}
	}
}

func (o *overlaps) note(owner pkg.Package, path, at string) {
	plain := o.plain[at]
	if len(plain) == 0 || slices.ContainsFunc(notOwned, func(g string) bool { return doublestar.MatchUnvalidated(g, at) }) {
		return
	}
	for _, id := range plain {
		switch both := (overlap{owner.ID(), id}); {
		case id == owner.ID():
		case path != at:
			o.linked = append(o.linked, linked{both, owner.Type, at})
		default:
			o.add(both, at)
		}
	}
}

func (o *overlaps) add(both overlap, path string) {
	if o.files[both] == nil {
		o.files[both] = map[string]bool{}
	}
	o.files[both][path] = true
}

// relations gives them, of all packages that own files.
func (o *overlaps) relations(ctx context.Context, owners []pkg.Package, ends *ends) ([]relation, error) {
	if len(o.linked) > 0 {
		direct := map[linked]bool{} // kinds and paths alone
		for _, l := range o.linked {
			direct[linked{kind: l.kind, path: l.path}] = false
		}
		for _, p := range owners {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			for _, path := range p.Metadata.(pkg.FileOwner).OwnedFiles() {
				if key := (linked{kind: p.Type, path: path}); !direct[key] {
					if _, asked := direct[key]; asked {
						direct[key] = true
					}
				}
			}
		}
		for _, l := range o.linked {
			if !direct[linked{kind: l.kind, path: l.path}] {
				o.add(l.overlap, l.path)
			}
		}
	}
	var list []relation
	for both, files := range o.files {
		from, to := ends.odd.number(both.owner), ends.odd.number(both.plain)
		var paths []string
		for path := range files {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		list = append(list, relation{from, to, artifact.OwnershipByFileOverlapRelationship, struct {
			Files []string `json:"files"`
		}{paths}})
	}
	return list, nil
}

// withinArchive tells whether all that tells of a package is in archives: the files it
// owns are then not the image's.
func withinArchive(p pkg.Package) bool {
	places := p.Locations.ToUnorderedSlice()
	return len(places) > 0 && !slices.ContainsFunc(places, func(l file.Location) bool { return l.FullPath == "" })
}
