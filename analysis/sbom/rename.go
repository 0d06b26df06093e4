package sbom

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson/model"
)

// A layer that was built anew has another name, even if all that cataloguing asks
// of it is as before. What was found is then the same but for that name.

// names are what layers were called when answers were digested, by what they are
// called now. A nil one changes nothing.
type names map[string]string

func namesOf(layers, called []string) names {
	n := names{}
	for i, id := range layers {
		n[id] = called[i]
	}
	for _, id := range called {
		if _, known := n[id]; !known {
			n[id] = "" // is another layer's name now
		}
	}
	return n
}

func (n names) of(layer string) string {
	if called, ok := n[layer]; ok {
		return called
	}
	return layer
}

// renames are the new names of an image's layers, by their old ones, where they
// differ: none, unless each layer stands where it stood, and unless what was
// found depends on no more than places in them.
func renames(from, to, bound []string) map[string]string {
	if len(from) != len(to) {
		return nil
	}
	renamed := map[string]string{}
	for i, id := range from {
		if id == to[i] {
			continue
		}
		if count(from, id) != 1 || count(to, to[i]) != 1 || slices.Contains(to, id) || slices.Contains(from, to[i]) || slices.Contains(bound, id) {
			return nil
		}
		renamed[id] = to[i]
	}
	return renamed
}

func count(in []string, text string) (n int) {
	for _, t := range in {
		if t == text {
			n++
		}
	}
	return n
}

func renameAll(list []string, renamed map[string]string) []string {
	out := slices.Clone(list)
	for i, id := range out {
		if now, ok := renamed[id]; ok {
			out[i] = now
		}
	}
	return out
}

func (t trace) renamed(renamed map[string]string) trace {
	t.layers = renameAll(t.layers, renamed)
	return t
}

// renamed is what was found, with the layers' new names. r has them already.
func (s *sections) renamed(ctx context.Context, names map[string]string, r file.Resolver) (*sections, error) {
	if len(names) == 0 {
		return s, nil
	}
	out := &sections{facts: s.facts}
	out.Apart = make([]file.Coordinates, 0, len(s.Apart))
	ids := identities(ctx, names, r)
	for _, at := range s.Apart {
		now := moved(at, names)
		ids[appendID(at)] = appendID(now)
		out.Apart = append(out.Apart, now)
	}
	slices.SortFunc(out.Apart, byText)
	out.Unknowns = make([]unknown, 0, len(s.Unknowns))
	for _, u := range s.Unknowns {
		out.Unknowns = append(out.Unknowns, unknown{moved(u.At, names), u.Reasons})
	}
	slices.SortFunc(out.Unknowns, byPlace)
	out.Bound = slices.Sorted(slices.Values(renameAll(s.Bound, names)))
	var err error
	if out.packages, err = renamePackages(s.packages, names); err != nil {
		return nil, err
	}
	if out.relations, err = renameEnds(s.relations, ids); err != nil {
		return nil, err
	}
	if out.contained, err = renameEnds(s.contained, ids); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, nil
}

func moved(at file.Coordinates, names map[string]string) file.Coordinates {
	if now, ok := names[at.FileSystemID]; ok {
		at.FileSystemID = now
	}
	return at
}

// id is an identity as syft writes it.
type id [16]byte

func appendID(at file.Coordinates) id { return id(appendHex(nil, uint64(identity(at)))) }

// identities are the new identities of the files in renamed layers by their old
// ones.
func identities(ctx context.Context, names map[string]string, r file.Resolver) map[id]id {
	before := map[string]string{}
	for old, now := range names {
		before[now] = old
	}
	ids := map[id]id{}
	for l := range r.AllLocations(ctx) {
		if old, ok := before[l.FileSystemID]; ok {
			was := l.Coordinates
			was.FileSystemID = old
			ids[appendID(was)] = appendID(l.Coordinates)
		}
	}
	return ids
}

// renamePackages names layers anew: there is no such text but in places.
func renamePackages(packed []byte, names map[string]string) ([]byte, error) {
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	err = unpack(packed, func(text []byte) error {
		for old, now := range names {
			if bytes.Contains(text, []byte(old)) {
				text = bytes.ReplaceAll(text, []byte(old), []byte(now))
			}
		}
		return p.add(text)
	})
	if err != nil {
		return nil, err
	}
	return p.finish()
}

const childKey = `","child":"`

// renameEnds gives files their new identities, and sorts relationships by them.
// Those that connect the same stay in their order.
func renameEnds(packed []byte, ids map[id]id) ([]byte, error) {
	type line struct {
		from, to id
		own      bool // without a parent
		rest     []byte
	}
	var all []line
	err := unpack(packed, func(text []byte) error {
		var l line
		text, ok := bytes.CutPrefix(text, []byte(parentKey))
		if l.own = bytes.HasPrefix(text, []byte(childKey)); ok && !l.own {
			if ok = len(text) >= len(l.from); ok {
				l.from, text = id(text), text[len(l.from):]
			}
		}
		text, found := bytes.CutPrefix(text, []byte(childKey))
		if !ok || !found || len(text) < len(l.to) {
			return fmt.Errorf("%w: a relationship", errDamaged)
		}
		l.to, l.rest = id(text), bytes.Clone(text[len(l.to):])
		if now, ok := ids[l.from]; ok {
			l.from = now
		}
		if now, ok := ids[l.to]; ok {
			l.to = now
		}
		all = append(all, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b line) int {
		if c := bytes.Compare(a.from[:], b.from[:]); c != 0 {
			return c
		}
		return bytes.Compare(a.to[:], b.to[:])
	})
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, l := range all {
		text = append(text[:0], parentKey...)
		if !l.own {
			text = append(text, l.from[:]...)
		}
		text = append(append(append(text, childKey...), l.to[:]...), l.rest...)
		if err := p.add(text); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

// bonds are the layers whose names matter beyond places: those that a text names
// elsewhere (identities may be made of them, too), and those of packages in
// several layers, for syft orders such places by the layers' names.
type bonds struct {
	layers map[string]bool // whether it is bound
}

func newBonds(layers []string) *bonds {
	b := &bonds{map[string]bool{}}
	for _, id := range layers {
		b.layers[id] = len(id) != layerNameSize || !bytes.HasPrefix([]byte(id), []byte(layerPrefix))
	}
	return b
}

const (
	layerPrefix   = "sha256:"
	layerNameSize = len(layerPrefix) + 64
)

// look looks for the names of layers in a text, beside those of the places that
// it tells of.
func (b *bonds) look(text []byte, places ...file.Location) {
	named := map[string]int{}
	for _, at := range places {
		named[at.FileSystemID]++
	}
	if len(named) > 1 {
		for layer := range named {
			b.layers[layer] = true
		}
		return
	}
	for {
		at := bytes.Index(text, []byte(layerPrefix))
		if at < 0 || len(text)-at < layerNameSize {
			return
		}
		layer := string(text[at : at+layerNameSize])
		text = text[at+len(layerPrefix):]
		if bound, known := b.layers[layer]; !known || bound {
			continue
		}
		if named[layer]--; named[layer] < 0 {
			b.layers[layer] = true
		}
	}
}

func (b *bonds) list() (bound []string) {
	for layer, is := range b.layers {
		if is {
			bound = append(bound, layer)
		}
	}
	slices.Sort(bound)
	return bound
}

// places are where a package's text says that it is.
func places(p model.Package) []file.Location {
	all := slices.Clone(p.Locations)
	for _, l := range p.Licenses {
		all = append(all, l.Locations...)
	}
	return all
}
