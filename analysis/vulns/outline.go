package vulns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path"
	"strings"

	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidepole/tidepole/formats/bundle"
)

// packageKey digests a package of a syft document, but for its ID, its places and its
// licences, and what the document says of the distribution: all that matches depend on.
type packageKey [16]byte

// outlined is a package of a document.
type outlined struct {
	id  string
	sum [sha256.Size]byte // of all but its ID, its places and its licences
	key packageKey
}

// outline is what is known of a document's packages without decoding them.
type outline struct {
	packages []outlined // in the document's order
	context  map[string][]byte
	owned    []bundle.Relationship
	vague    bool // packages cannot be told apart by their IDs
}

// selection has a document outlined while it is copied.
func (o *outline) selection() bundle.Selection {
	o.context = map[string][]byte{}
	return bundle.Selection{
		Package: func(raw []byte) (bool, error) {
			o.add(raw)
			return true, nil
		},
		Relationship: func(r bundle.Relationship) bool {
			// Those to files, which are the most, do not matter to grype, nor do the files themselves.
			if artifact.RelationshipType(r.Type) != artifact.OwnershipByFileOverlapRelationship {
				return false
			}
			o.owned = append(o.owned, r)
			return true
		},
		Rest: func(name string, raw []byte) {
			switch name {
			case "distro", "schema":
				o.context[name] = bytes.Clone(raw)
				return
			}
			// Grype takes names in any case: such a document has more than it seems to.
			for _, known := range []string{"artifacts", "artifactRelationships", "distro", "schema"} {
				o.vague = o.vague || strings.EqualFold(name, known)
			}
		},
	}
}

// add outlines a package. What does not have one ID of its own makes the outline vague.
func (o *outline) add(raw []byte) {
	var p outlined
	ids := 0
	sum := sha256.New()
	ok := eachMember(raw, func(name string, value []byte) {
		switch name {
		case "id":
			p.id, ids = text(value), ids+1
			return
		case "locations", "licenses":
			return
		}
		if strings.EqualFold(name, "id") {
			ids++
		}
		sum.Write([]byte(name))
		sum.Write([]byte{0})
		sum.Write(value)
		sum.Write([]byte{0})
	})
	sum.Sum(p.sum[:0])
	o.vague = o.vague || !ok || ids != 1 || p.id == ""
	o.packages = append(o.packages, p)
}

// settle gives packages their keys, once all of the document was seen.
func (o *outline) settle() {
	seen := make(map[string]bool, len(o.packages))
	context := sha256.New()
	for _, name := range []string{"distro", "schema"} {
		context.Write(o.context[name])
		context.Write([]byte{0})
	}
	in := context.Sum(nil)
	for i := range o.packages {
		p := &o.packages[i]
		o.vague = o.vague || seen[p.id]
		seen[p.id] = true
		key := sha256.Sum256(append(in[:sha256.Size:sha256.Size], p.sum[:]...))
		copy(p.key[:], key[:])
	}
}

// keys are the packages' keys by their IDs; none where these do not tell them apart.
func (o *outline) keys() map[pkg.ID]packageKey {
	if o.vague {
		return nil
	}
	keys := make(map[pkg.ID]packageKey, len(o.packages))
	for _, p := range o.packages {
		keys[pkg.ID(p.id)] = p.key
	}
	return keys
}

// without gives the document in f without packages that are silent and own none of
// the others. It is written to the end of f.
func (o *outline) without(ctx context.Context, f *os.File, silent *silence) (io.ReadSeeker, error) {
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	whole := io.NewSectionReader(f, 0, end)
	needed := make([]bool, len(o.packages))
	passed := 0
	for i, p := range o.packages {
		needed[i] = o.vague || !silent.has(p.key)
		if !needed[i] {
			passed++
		}
	}
	if passed == 0 {
		return whole, nil
	}
	related, said := o.owners()
	at := map[string]bool{}
	if !said {
		if err := o.visit(ctx, whole, io.Discard, func(i int, raw []byte) bool {
			if needed[i] {
				places(raw, at)
			}
			return false
		}); err != nil {
			return nil, err
		}
	}
	err = o.visit(ctx, whole, f, func(i int, raw []byte) bool {
		return needed[i] || related[o.packages[i].id] || !said && mayOwn(raw, at)
	})
	if err != nil {
		return nil, err
	}
	last, err := f.Seek(0, io.SeekCurrent)
	return io.NewSectionReader(f, end, last-end), err
}

// visit copies an outlined document with the packages that are wanted.
func (o *outline) visit(ctx context.Context, document *io.SectionReader, to io.Writer, wanted func(i int, raw []byte) bool) error {
	if _, err := document.Seek(0, io.SeekStart); err != nil {
		return err
	}
	i := -1
	return bundle.CopyPackages(to, interruptible{Reader: document, ctx: ctx}, bundle.Selection{
		Package:      func(raw []byte) (bool, error) { i++; return wanted(i, raw), nil },
		Relationship: func(bundle.Relationship) bool { return true },
	})
}

// owners tells which packages own others or are owned by others, as far as the
// document says; false where it says nothing and grype finds out by itself.
func (o *outline) owners() (map[string]bool, bool) {
	known := make(map[string]bool, len(o.packages))
	for _, p := range o.packages {
		known[p.id] = true
	}
	ends := map[string]bool{}
	for _, r := range o.owned {
		if known[r.Parent] && known[r.Child] {
			ends[r.Parent], ends[r.Child] = true, true
		}
	}
	return ends, len(ends) > 0
}

// eachMember visits the names of an object and their values; false where it is none.
func eachMember(object []byte, visit func(name string, value []byte)) bool {
	from := reading(object)
	if t, err := from.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for from.PeekKind() != '}' {
		t, err := from.ReadToken()
		if err != nil {
			return false
		}
		name := t.String()
		value, err := from.ReadValue()
		if err != nil {
			return false
		}
		visit(name, value)
	}
	return true
}

func reading(value []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// text is the text that a value is, or "".
func text(value []byte) string {
	t, err := reading(value).ReadToken()
	if err != nil || t.Kind() != '"' {
		return ""
	}
	return t.String()
}

// eachText visits all texts in a value, names included.
func eachText(value []byte, visit func(string)) {
	from := reading(value)
	for {
		t, err := from.ReadToken()
		if err != nil {
			return
		}
		if t.Kind() == '"' {
			visit(t.String())
		}
	}
}

// places are the last elements of the paths that a package lies at.
func places(raw []byte, into map[string]bool) {
	eachMember(raw, func(name string, value []byte) {
		if strings.EqualFold(name, "locations") {
			eachText(value, func(s string) { into[path.Base(s)] = true })
		}
	})
}

// mayOwn tells whether a package may own a file at one of the places.
func mayOwn(raw []byte, places map[string]bool) bool {
	may := false
	eachMember(raw, func(name string, value []byte) {
		if strings.EqualFold(name, "metadata") {
			eachText(value, func(s string) { may = may || places[path.Base(s)] })
		}
	})
	return may
}
