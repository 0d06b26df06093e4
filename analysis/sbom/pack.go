package sbom

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// A package is packed field by field, so that nothing of it is lost but pointers
// to other packages, of which a document does not tell. Layers are numbers, which
// stay when a layer is built anew and has another name.

// errUnpackable is why something is not packed: then it is left as it is.
var errUnpackable = errors.New("it cannot be packed without a loss")

// locator is a resolver that gives the location of what is at exactly a path.
type locator interface {
	Locate(path string) (file.Location, bool)
}

// scribe packs packages.
type scribe struct {
	b       []byte
	layers  *layerNames
	locator locator
	depth   int
}

// pack gives a package as bytes, which are valid until the next call.
func (s *scribe) pack(p pkg.Package) ([]byte, error) {
	s.b = s.b[:0]
	for _, text := range []string{string(p.ID()), p.Name, p.Version, p.FoundBy, string(p.Language), string(p.Type), p.PURL} {
		s.text(text)
	}
	places := p.Locations.ToUnorderedSlice()
	licences := p.Licenses.ToUnorderedSlice()
	s.layers.across(append(slices.Clone(places), licencePlaces(licences)...))
	if err := s.locations(p.Locations); err != nil {
		return nil, err
	}
	if err := s.licences(p.Licenses); err != nil {
		return nil, err
	}
	if err := s.value(reflect.ValueOf(&p.CPEs).Elem()); err != nil {
		return nil, err
	}
	return s.b, s.metadata(p.Metadata)
}

func licencePlaces(list []pkg.License) (places []file.Location) {
	for _, l := range list {
		places = append(places, l.Locations.ToUnorderedSlice()...)
	}
	return places
}

func (s *scribe) uint(n uint64) { s.b = binary.AppendUvarint(s.b, n) }

func (s *scribe) text(t string) {
	s.layers.look(t)
	s.b = appendText(s.b, t)
}

func (s *scribe) coordinates(at file.Coordinates) {
	s.text(at.RealPath)
	if n, ok := s.layers.number[at.FileSystemID]; ok {
		s.uint(uint64(n) + 1)
	} else {
		s.uint(0)
		s.text(at.FileSystemID)
	}
	s.text(at.FullPath)
}

// locations packs a set; that there is none is not the same as an empty one.
func (s *scribe) locations(set file.LocationSet) error {
	list := set.ToSlice()
	if list == nil {
		s.uint(0)
		return nil
	}
	s.uint(uint64(len(list)) + 1)
	for _, l := range list {
		if err := s.location(l); err != nil {
			return err
		}
	}
	return nil
}

// location packs a place. What it refers to is found again by its path.
func (s *scribe) location(l file.Location) error {
	refers := uint64(0)
	if l.Reference() != file.NewLocation("").Reference() {
		refers = 1
		if s.locator == nil {
			return errUnpackable
		}
		if found, ok := s.locator.Locate(l.RealPath); !ok || found.Reference() != l.Reference() {
			return errUnpackable
		}
	}
	s.uint(refers)
	s.coordinates(l.Coordinates)
	s.text(l.AccessPath)
	return s.value(reflect.ValueOf(&l.Annotations).Elem())
}

func (s *scribe) licences(set pkg.LicenseSet) error {
	list := set.ToSlice()
	if list == nil {
		s.uint(0)
		return nil
	}
	s.uint(uint64(len(list)) + 1)
	for _, l := range list {
		for _, text := range []string{l.SPDXExpression, l.Value, string(l.Type), l.Contents} {
			s.text(text)
		}
		if err := s.value(reflect.ValueOf(&l.URLs).Elem()); err != nil {
			return err
		}
		if err := s.locations(l.Locations); err != nil {
			return err
		}
	}
	return nil
}
