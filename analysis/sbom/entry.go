package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/klauspost/compress/s2"
)

// entry is what was catalogued of an image as it is remembered: what each
// cataloger found, which is unpacked when it is asked for.
type entry struct {
	layers []string // of the image it was made of
	names  []string // of the catalogers
	parts  map[string]part
}

// part is what one cataloger found: small texts, and packages, each compressed as
// a whole.
type part struct{ head, body []byte }

// entryMagic begins an entry; its number changes with the format or with what is
// found for the same questions.
const entryMagic = "tidepole catalogue 3\n"

// encodeEntry gives an entry as bytes: the magic, each part after its length, and
// the SHA-256 of all that.
func encodeEntry(layers []string, all []*finds) ([]byte, error) {
	b := []byte(entryMagic)
	add := func(part []byte) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	var names []string
	for _, f := range all {
		names = append(names, f.cataloger)
	}
	add(appendTexts(appendTexts(nil, layers), names))
	for _, f := range all {
		head, err := packed(f.head()...)
		if err != nil {
			return nil, err
		}
		body, err := f.body()
		if err != nil {
			return nil, err
		}
		add(head)
		add(body)
		if len(b) > maxEntry {
			return nil, fmt.Errorf("what was catalogued takes more than %d bytes", maxEntry)
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func packed(texts ...[]byte) ([]byte, error) {
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		if err := p.add(t); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

// parseEntry is the reverse of encodeEntry. The entry keeps data.
func parseEntry(data []byte) (entry, error) {
	rest, ok := bytes.CutPrefix(data, []byte(entryMagic))
	if !ok || len(rest) < sha256.Size {
		return entry{}, fmt.Errorf("%w: it is something else", errDamaged)
	}
	end := len(data) - sha256.Size
	if sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return entry{}, fmt.Errorf("%w: its digest is another", errDamaged)
	}
	rest = rest[:len(rest)-sha256.Size]
	next := func() (p []byte, ok bool) {
		if len(rest) < 8 || binary.BigEndian.Uint64(rest) > uint64(len(rest)-8) {
			return nil, false
		}
		n := binary.BigEndian.Uint64(rest)
		p, rest = rest[8:8+n:8+n], rest[8+n:]
		return p, true
	}
	list, ok := next()
	if !ok {
		return entry{}, fmt.Errorf("%w: a part is too short", errDamaged)
	}
	e := entry{parts: map[string]part{}}
	if e.layers, list, ok = cutTexts(list); ok {
		e.names, list, ok = cutTexts(list)
	}
	if !ok || len(list) > 0 {
		return entry{}, fmt.Errorf("%w: its list of parts", errDamaged)
	}
	for _, name := range e.names {
		head, ok := next()
		body, more := next()
		if !ok || !more {
			return entry{}, fmt.Errorf("%w: a part is too short", errDamaged)
		}
		e.parts[name] = part{head, body}
	}
	if len(rest) > 0 {
		return entry{}, fmt.Errorf("%w: it goes on after its end", errDamaged)
	}
	return e, nil
}

// head is what is found beside the packages, and what it depends on.
func (f *finds) head() [][]byte {
	s := &scribe{layers: newLayerNames(f.layers)}
	s.uint(uint64(len(f.unknowns)))
	for _, u := range f.unknowns {
		s.coordinates(u.At)
		s.b = appendTexts(s.b, u.Reasons)
	}
	s.uint(uint64(len(f.relations)))
	for _, r := range f.relations {
		s.end(r.From)
		s.end(r.To)
		s.text(string(r.Type))
	}
	return [][]byte{appendTexts(nil, f.layers), f.trace.append(nil), appendTexts(nil, f.bound), s.b}
}

// end is one of a relation: a package by its identity, or a file.
func (s *scribe) end(of artifact.Identifiable) {
	if at, isFile := of.(file.Coordinates); isFile {
		s.uint(1)
		s.coordinates(at)
		return
	}
	s.uint(0)
	s.text(string(of.ID()))
}

func (u *unscribe) end() artifact.Identifiable {
	if u.uint() == 1 {
		return u.coordinates()
	}
	var p pkg.Package
	p.OverrideID(artifact.ID(u.text()))
	return p
}

// body is the packages that were found: those that were remembered are as they
// were, as they name layers by their numbers.
func (f *finds) body() ([]byte, error) {
	if f.kept != nil {
		return f.kept, nil
	}
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	for _, b := range f.packages {
		raw, err := s2.Decode(nil, b)
		if err != nil {
			return nil, err
		}
		if err := p.add(raw); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

// parse reads what a cataloger found, but for its packages.
func (p part) parse(cataloger string) (*finds, error) {
	f := &finds{cataloger: cataloger, known: true}
	n := 0
	err := unpack(p.head, func(text []byte) error {
		n++
		ok, rest := true, text
		switch n {
		case 1:
			f.layers, rest, ok = cutTexts(text)
		case 2:
			f.trace, ok = cutTrace(text)
			rest = nil
		case 3:
			f.bound, rest, ok = cutTexts(text)
		case 4:
			u := &unscribe{b: text, layers: f.layers}
			f.parseBeside(u)
			ok, rest = !u.bad, u.b
		}
		if !ok || len(rest) > 0 {
			return errDamaged
		}
		return nil
	})
	if err == nil && n != 4 {
		err = errDamaged
	}
	return f, err
}

func (f *finds) parseBeside(u *unscribe) {
	for range u.count() {
		one := unknown{At: u.coordinates()}
		var ok bool
		if one.Reasons, u.b, ok = cutTexts(u.b); !ok || u.bad {
			u.bad = true
			return
		}
		f.unknowns = append(f.unknowns, one)
	}
	for range u.count() {
		r := artifact.Relationship{From: u.end(), To: u.end(), Type: artifact.RelationshipType(u.text())}
		if u.bad {
			return
		}
		f.relations = append(f.relations, r)
	}
}

// packages reads the packages that were found.
func (p part) packages(f *finds, l locator) (all []pkg.Package, err error) {
	err = unpack(p.body, func(text []byte) error {
		u := unscribe{b: text, layers: f.layers, locator: l}
		one, err := u.unpackPackage()
		if err != nil {
			return err
		}
		all = append(all, one)
		f.packages = append(f.packages, squeeze(text))
		return nil
	})
	f.kept = p.body
	return all, err
}
