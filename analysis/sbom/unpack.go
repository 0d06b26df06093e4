package sbom

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// unscribe reads what a scribe packed.
type unscribe struct {
	b       []byte
	layers  []string // by number
	locator locator
	depth   int
	bad     bool
}

// unpackPackage is the reverse of pack.
func (u *unscribe) unpackPackage() (p pkg.Package, err error) {
	id := artifact.ID(u.text())
	p.Name, p.Version, p.FoundBy = u.text(), u.text(), u.text()
	p.Language, p.Type, p.PURL = pkg.Language(u.text()), pkg.Type(u.text()), u.text()
	p.Locations, p.Licenses = u.locations(), u.licences()
	u.value(reflect.ValueOf(&p.CPEs).Elem())
	p.Metadata = u.metadata()
	p.OverrideID(id)
	if u.bad || len(u.b) > 0 {
		return pkg.Package{}, fmt.Errorf("%w: a package", errDamaged)
	}
	return p, nil
}

func (u *unscribe) uint() uint64 {
	n, size := binary.Uvarint(u.b)
	if size <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[size:]
	return n
}

// count is a number of what follows: each takes a byte at least, or there are no
// more than these.
func (u *unscribe) count() int {
	n := u.uint()
	if n > uint64(len(u.b))+1 {
		u.bad = true
		return 0
	}
	return int(n)
}

func (u *unscribe) text() string {
	text, rest, ok := cutText(u.b)
	if !ok {
		u.bad = true
		return ""
	}
	u.b = rest
	return string(text)
}

func (u *unscribe) coordinates() (at file.Coordinates) {
	at.RealPath = u.text()
	switch n := u.uint(); {
	case n == 0:
		at.FileSystemID = u.text()
	case n <= uint64(len(u.layers)):
		at.FileSystemID = u.layers[n-1]
	default:
		u.bad = true
	}
	at.FullPath = u.text()
	return at
}

func (u *unscribe) locations() (set file.LocationSet) {
	n := u.count()
	if n > 0 {
		set.Add()
	}
	for i := 1; i < n && !u.bad; i++ {
		set.Add(u.location())
	}
	return set
}

func (u *unscribe) location() (l file.Location) {
	if refers := u.uint() == 1; refers {
		at := u.coordinates()
		ok := u.locator != nil
		if ok {
			l, ok = u.locator.Locate(at.RealPath)
		}
		if !ok {
			u.bad = true
		}
		l.Coordinates = at
	} else {
		l.Coordinates = u.coordinates()
	}
	l.AccessPath = u.text()
	u.value(reflect.ValueOf(&l.Annotations).Elem())
	return l
}

func (u *unscribe) licences() (set pkg.LicenseSet) {
	n := u.count()
	if n > 0 {
		set.Add()
	}
	for i := 1; i < n && !u.bad; i++ {
		l := pkg.License{SPDXExpression: u.text(), Value: u.text()}
		u.value(reflect.ValueOf(&l.Type).Elem())
		l.Contents = u.text()
		u.value(reflect.ValueOf(&l.URLs).Elem())
		l.Locations = u.locations()
		set.Add(l)
	}
	return set
}
