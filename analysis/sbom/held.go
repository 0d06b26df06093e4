package sbom

import (
	"context"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/bmatcuk/doublestar/v4"
)

// Most packages of an image are not given to syft. It relates packages to the image,
// to the files that they were found by and to the packages that own these, and for
// that it copies all of an image's packages some ten times. Of those that are no
// binaries it never leaves one out; so they are held back, and related here. Given to
// it are binaries, and the packages that own files by which these were found, or
// libraries that they ask for: by them syft knows which binaries are parts of other
// packages, and which packages depend on each other.
type held map[artifact.ID]pkg.Package

// mustSee tells whether syft must be given a package, whatever others there are. By
// those of Ubuntu's extended maintenance it tells which support the image has.
func mustSee(p pkg.Package) bool {
	switch p.Metadata.(type) {
	case pkg.ELFBinaryPackageNoteJSONPayload, pkg.BinarySignature, pkg.JavaVMInstallation:
		return true
	}
	return p.ID() == "" || p.Type == pkg.BinaryPkg || p.Type == pkg.DebPkg && strings.Contains(p.Version, "esm") ||
		isStub(p.Name) || isStub(p.Version)
}

// take takes those that syft need not be given, and gives the others.
func (all held) take(packages []pkg.Package) []pkg.Package {
	var others []pkg.Package
	for _, p := range packages {
		if mustSee(p) {
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

// giveOwners gives those that own files by which some packages were found, or one of
// the libraries, which are identities of files; then those that own what these were
// found by, and so on: syft must know of all of them to tell which owner has a file
// itself, and which a link to it.
func (all held) giveOwners(found []pkg.Package, libraries map[uint64]bool, ownedBy func(pkg.Package) *owned) []pkg.Package {
	var given []pkg.Package
	at := map[string]bool{}
	for len(found)+len(libraries) > 0 {
		for _, p := range found {
			for path := range foundBy(p) {
				at[path] = true
			}
		}
		found = nil
		for id, p := range all {
			owner, ok := p.Metadata.(pkg.FileOwner)
			if !ok {
				continue
			}
			files := ownedBy(p)
			if slices.ContainsFunc(owner.OwnedFiles(), func(path string) bool { return at[path] }) ||
				slices.ContainsFunc(files.elsewhere, func(c file.Coordinates) bool { return at[c.RealPath] }) ||
				slices.ContainsFunc(files.files, func(id uint64) bool { return libraries[id] }) {
				found = append(found, p)
				delete(all, id)
			}
		}
		given, libraries = append(given, found...), nil
	}
	return given
}

// foundBy are the paths that a package was found by.
func foundBy(p pkg.Package) map[string]bool {
	paths := map[string]bool{}
	for _, l := range p.Locations.ToUnorderedSlice() {
		paths[l.AccessPath], paths[l.FullNestedPath()] = true, true
	}
	delete(paths, "")
	return paths
}

// join is the packages that syft has left, and these.
func (all held) join(a *sbom.Artifacts) []pkg.Package {
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
	}
	return packages
}

// related gives the relations of the image to these packages, and theirs to the files
// that they were found by.
func (all held) related(ends *ends) (own, evident []relation, err error) {
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

// overlaps are the files of packages by which others were found. Where syft was given
// both, it has said so itself.
type overlaps struct {
	held   held
	found  map[string][]artifact.ID // packages, by the paths they were found by
	files  map[overlap]map[string]bool
	linked []linked
}

type overlap struct{ owner, found artifact.ID }

// linked is an overlap where the owner has a link to the file, and another package of
// the owner's type may have the file itself.
type linked struct {
	overlap
	kind pkg.Type
	path string
}

func newOverlaps(packages []pkg.Package, all held) *overlaps {
	o := &overlaps{held: all, found: map[string][]artifact.ID{}, files: map[overlap]map[string]bool{}}
	for _, p := range packages {
		for path := range foundBy(p) {
			o.found[path] = append(o.found[path], p.ID())
		}
	}
	return o
}

// notOwned are the files of which it means nothing whose they are, as syft has it.
var notOwned = []string{
	pkg.ApkDBGlob, pkg.DpkgDBGlob, pkg.RpmDBGlob,
	"**/rpm/{Packages,Packages.db,rpmdb.sqlite}", "/usr/share/doc/**/copyright",
}

// of notes what is found by the files of a package.
func (o *overlaps) of(owner pkg.Package, files *owned) {
	for _, path := range owner.Metadata.(pkg.FileOwner).OwnedFiles() {
		if path != "" {
			o.note(owner, path, o.add)
		}
	}
	for _, at := range files.elsewhere {
		o.note(owner, at.RealPath, func(both overlap, path string) {
			o.linked = append(o.linked, linked{both, owner.Type, path})
		})
	}
}

func (o *overlaps) note(owner pkg.Package, path string, add func(overlap, string)) {
	found := o.found[path]
	if len(found) == 0 || slices.ContainsFunc(notOwned, func(g string) bool { return doublestar.MatchUnvalidated(g, path) }) {
		return
	}
	_, ownerHeld := o.held[owner.ID()]
	for _, id := range found {
		if _, ok := o.held[id]; id != owner.ID() && (ok || ownerHeld) {
			add(overlap{owner.ID(), id}, path)
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
		from, to := ends.odd.number(both.owner), ends.odd.number(both.found)
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
