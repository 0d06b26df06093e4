package sbom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"reflect"
	"slices"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	syftsbom "github.com/anchore/syft/syft/sbom"

	"github.com/tidepole/tidepole/analysis/layers"
)

// Packages is the number of packages.
func (c *Catalogue) Packages() int { return c.sections.Packages }

// Watch is a resolver as catalogers are given it.
func Watch(ctx context.Context, r file.Resolver) file.Resolver {
	return &watched{Resolver: r, ctx: ctx}
}

// Identity is the fast identity of coordinates, in hex.
func Identity(c file.Coordinates) string { return string(appendHex(nil, uint64(identity(c)))) }

// RowJSON is what is written of a file.
func RowJSON(at file.Coordinates, r *Row, executable []byte, unknowns []string) string {
	w := rowWriter{encoder: newEncoder()}
	return string(w.row(at, r, executable, unknowns))
}

// RelationJSON is what is written of a relationship; without its parent, if that is
// the image itself.
func RelationJSON(from, to uint64, kind artifact.RelationshipType, data any, own bool) (string, error) {
	w := relationWriter{enc: newEncoder(), kinds: map[artifact.RelationshipType]string{}}
	for range 2 { // what is remembered is the same
		if _, err := w.encode(relation{from, to, kind, data}, own); err != nil {
			return "", err
		}
	}
	return string(w.text), nil
}

// Anew are the names of the catalogers that ran, sorted: what others found was
// remembered.
func (c *Catalogue) Anew() []string { return c.sections.anew }

// OfImages are the names of the catalogers that are surveyed, sorted.
func OfImages() (names []string) {
	for _, c := range ofImages() {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	return names
}

// Silences are the catalogers that find nothing in a content, by name.
func Silences(content []byte) map[string]pkg.Cataloger {
	var m Marks
	m.Observe(layers.Entry{Size: int64(len(content)), MIME: executableConfig().MIMETypes[0]}, 0, bytes.NewReader(content))
	found := silencesIn(bytes.NewReader(content), m.lacks(0))
	list := map[string]pkg.Cataloger{}
	for _, c := range ofImages() {
		if found&silencesOf[c.Name()] != 0 {
			list[c.Name()] = c
		}
	}
	return list
}

// Find looks for some bytes in what comes in parts.
func Find(needle string, parts ...[]byte) bool {
	f := finder{needle: needle}
	for _, p := range parts {
		_, _ = f.Write(p)
	}
	return f.found
}

// ParseEntry tells whether an entry can be read, and writes it anew.
func ParseEntry(data []byte, r file.Resolver) ([]byte, error) {
	e, err := parseEntry(data)
	if err != nil {
		return nil, err
	}
	l, _ := r.(locator)
	var all []*finds
	for _, name := range e.names {
		f, err := e.parts[name].parse(name)
		if err != nil {
			return nil, err
		}
		if _, err := e.parts[name].packages(f, l); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return encodeEntry(e.layers, all)
}

// PackAndUnpack passes a package through its packed form.
func PackAndUnpack(p pkg.Package, layers []string) (pkg.Package, error) {
	s := scribe{layers: newLayerNames(layers)}
	b, err := s.pack(p)
	if err != nil {
		return p, err
	}
	u := unscribe{b: b, layers: layers}
	return u.unpackPackage()
}

// UnpackPackage reads what may be anything.
func UnpackPackage(b []byte) {
	u := unscribe{b: b}
	_, _ = u.unpackPackage()
}

// MetadataType is the type of metadata with that name.
func MetadataType(name string) (reflect.Type, bool) { return metadataType(name) }

// ThroughUnknowns takes an error apart and makes it again.
func ThroughUnknowns(err error) (error, bool) {
	list, ok := unknownsOf(err)
	return errorOf(list), ok
}

// SignEntry gives data the digest that an entry ends with.
func SignEntry(data []byte) []byte {
	sum := sha256.Sum256(data)
	return append(data[:len(data):len(data)], sum[:]...)
}

// Questions passes questions through their text, and through a trace.
func Questions(kind byte, what ...string) (byte, []string, bool) {
	return parseQuestion(question(kind, what...))
}

// Trace passes questions through a trace as it is kept.
func Trace(questions, layers []string) ([]string, []string, bool) {
	t := trace{questions: questions, layers: layers, called: layers, digests: make([]answer, (len(questions)+stretch-1)/stretch)}
	back, ok := cutTrace(t.append(nil))
	return back.questions, back.layers, ok
}

// CutTrace reads a trace that may be anything.
func CutTrace(b []byte) bool {
	t, ok := cutTrace(b)
	if !ok {
		return false
	}
	_, ok = cutTrace(t.append(nil))
	return ok
}

// JoinHeld gives the packages that syft has left joined with those held back.
func JoinHeld(given, back []pkg.Package) []pkg.Package {
	all := held{}
	others := all.take(back)
	return all.join(&syftsbom.Artifacts{Packages: pkg.NewCollection(append(others, given...)...)})
}

// MaxAlone is how many executables are catalogued one by one.
const MaxAlone = maxAlone

// EachAlone are the catalogers that run for one executable after the other.
func EachAlone() (list []pkg.Cataloger) {
	for _, c := range ofImages() {
		if eachAlone[c.Name()] {
			list = append(list, c)
		}
	}
	return list
}

// ExecutableKinds are the kinds of content that executables have.
func ExecutableKinds() []string { return executableKinds() }
