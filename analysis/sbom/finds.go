package sbom

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/klauspost/compress/s2"
)

// finds is what one cataloger found in an image.
//
// syft's model of a package takes some kilobytes. While packages are related to
// each other, what syft looks at is a small part of it; so all of it is packed,
// and unpacked again when the document is written.
type finds struct {
	cataloger string
	layers    []string // the image's, whose numbers are in packages
	packages  [][]byte // packed and compressed
	relations []artifact.Relationship
	unknowns  []unknown
	whole     []pkg.Package // in place of packages, where these cannot be packed

	kept []byte // packages as they were remembered; nil: they were not

	trace trace // of what was asked for it
	bound []string
	known bool // can be remembered
}

// place says which of the packages that were found.
type place struct {
	in *finds
	n  int
}

// unpack gives a package as the cataloger found it.
func (at place) unpack(l locator) (pkg.Package, error) {
	room := squeezing.Get().(*[]byte)
	defer squeezing.Put(room)
	raw, err := s2.Decode((*room)[:cap(*room)], at.in.packages[at.n])
	if err != nil {
		return pkg.Package{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	*room = raw
	u := unscribe{b: raw, layers: at.in.layers, locator: l}
	return u.unpackPackage()
}

// squeezing are the buffers that what is compressed goes through.
var squeezing = sync.Pool{New: func() any { return new([]byte) }}

// squeeze compresses bytes into as many as that takes.
func squeeze(b []byte) []byte {
	room := squeezing.Get().(*[]byte)
	defer squeezing.Put(room)
	*room = (*room)[:cap(*room)]
	packed := s2.Encode(*room, b)
	if cap(packed) > cap(*room) {
		*room = packed
	}
	return bytes.Clone(packed)
}

// newFinds packs what a cataloger found.
func newFinds(ctx context.Context, cataloger string, layers []string, l locator, packages []pkg.Package, relations []artifact.Relationship, failed error) *finds {
	f := &finds{cataloger: cataloger, layers: layers, whole: packages, relations: relations}
	names := newLayerNames(layers)
	s := &scribe{layers: names, locator: l}
	packed := make([][]byte, 0, len(packages))
	for _, p := range packages {
		if ctx.Err() != nil {
			return f
		}
		b, err := s.pack(p)
		if err != nil {
			return f
		}
		packed = append(packed, squeeze(b))
	}
	f.packages, f.whole = packed, nil
	reasons, complete := unknownsOf(failed)
	for _, u := range reasons {
		for _, r := range u.Reasons {
			names.look(r)
		}
	}
	f.unknowns, f.bound, f.known = reasons, names.listBound(), complete
	for _, r := range relations {
		_, isPackage := r.From.(pkg.Package)
		_, isFile := r.From.(file.Coordinates)
		_, toPackage := r.To.(pkg.Package)
		_, toFile := r.To.(file.Coordinates)
		if r.Data != nil || !isPackage && !isFile || !toPackage && !toFile {
			f.known = false
		}
	}
	return f
}

// lean gives the packages as syft is to see them until the document is written,
// and the relations between them. Those that are packed, and where, it tells keep.
func (f *finds) lean(all []pkg.Package, keep func(artifact.ID, place)) ([]pkg.Package, []artifact.Relationship) {
	ends := map[artifact.ID]artifact.Identifiable{}
	for i, r := range f.relations {
		f.relations[i].From, f.relations[i].To = leanEnd(ends, r.From), leanEnd(ends, r.To)
	}
	if f.whole != nil {
		return f.whole, f.relations
	}
	list := make([]pkg.Package, len(all))
	for n, p := range all {
		list[n] = p
		if p.ID() != "" && !isStub(p.Name) && !isStub(p.Version) {
			list[n] = lean(p)
			keep(p.ID(), place{f, n})
		}
	}
	return list, f.relations
}

// isStub tells whether a package may be named anew by syft, which then identifies
// it by all that it is.
func isStub(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || text == cataloging.UnknownStubValue
}

// leanEnd is an end of relations, of which only the identity counts: the same for
// the same package.
func leanEnd(known map[artifact.ID]artifact.Identifiable, end artifact.Identifiable) artifact.Identifiable {
	p, ok := end.(pkg.Package)
	if !ok {
		return end
	}
	if known[p.ID()] == nil {
		var lean pkg.Package
		lean.OverrideID(p.ID())
		known[p.ID()] = lean
	}
	return known[p.ID()]
}

// lean is what syft looks at of a package once it was found.
func lean(p pkg.Package) pkg.Package {
	l := pkg.Package{
		Name: p.Name, Version: p.Version, FoundBy: p.FoundBy, Type: p.Type, Language: p.Language,
		Locations: p.Locations, Metadata: leanMetadata(p),
	}
	l.OverrideID(p.ID())
	return l
}

// elsewhere stands for metadata that nobody looks into.
type elsewhere struct{}

// owner stands for the metadata of a package that owns files.
type owner struct {
	paths []byte // compressed, each after a zero byte
}

func newOwner(paths []string) owner {
	size := 0
	for _, p := range paths {
		size += 1 + len(p)
	}
	all := make([]byte, 0, size)
	for _, p := range paths {
		all = append(append(all, 0), p...)
	}
	return owner{squeeze(all)}
}

// OwnedFiles are the paths that the package owns.
func (o owner) OwnedFiles() []string {
	room := squeezing.Get().(*[]byte)
	defer squeezing.Put(room)
	all, err := s2.Decode((*room)[:cap(*room)], o.paths)
	if err != nil || len(all) == 0 {
		return nil
	}
	*room = all
	return strings.Split(string(all[1:]), "\x00")
}

// GoString is short: packages that are alike are told apart by it, in an order
// that does not matter yet.
func (o owner) GoString() string { return "owner" }

// leanMetadata keeps what packages are told apart by when those of binaries give
// way to others: for that, syft looks at the types of metadata.
func leanMetadata(p pkg.Package) any {
	switch m := p.Metadata.(type) {
	case nil, pkg.ELFBinaryPackageNoteJSONPayload, pkg.BinarySignature, pkg.JavaVMInstallation:
		return m
	case pkg.FileOwner:
		if p.Type == pkg.BinaryPkg {
			return m
		}
		paths := m.OwnedFiles()
		for _, path := range paths {
			if strings.ContainsRune(path, 0) {
				return m
			}
		}
		return newOwner(paths)
	}
	if p.Type == pkg.BinaryPkg {
		return p.Metadata
	}
	return elsewhere{}
}
