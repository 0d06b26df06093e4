package sbom

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/format/syftjson/model"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
)

// sections are what cataloguing found, as the parts of the document that it
// makes up, without anything that says which image it was: elements of JSON
// lists, packed.
type sections struct {
	facts
	packages  []byte
	relations []byte   // sorted; of the image itself only those to its packages, below
	anew      []string // the catalogers that ran, sorted
	contained []byte   // identities of what the image itself is related to, sorted; each a model.Relationship without a parent
}

// facts are the small parts.
type facts struct {
	Catalogers []string
	Distro     model.LinuxRelease
	Unknowns   []unknown
	Apart      []file.Coordinates // that relations name, but no answer of the resolver; sorted
	Packages   int
}

// unknown is what could not be found out of a file.
type unknown struct {
	At      file.Coordinates
	Reasons []string
}

// encoder encodes values as syft does.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder
}

func newEncoder() *encoder {
	e := &encoder{}
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}

// encode gives a value's JSON, which is valid until the next call.
func (e *encoder) encode(v any) ([]byte, error) {
	e.buf.Reset()
	if err := e.json.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(e.buf.Bytes(), []byte("\n")), nil
}

// encodeSections takes the model of s apart while it encodes it: nothing of it
// is left.
func encodeSections(ctx context.Context, s *sbom.SBOM, survey *survey) (*sections, error) {
	out := &sections{}
	out.Catalogers = catalogers(s)
	out.Distro = syftjson.ToFormatModel(sbom.SBOM{Artifacts: sbom.Artifacts{LinuxDistribution: s.Artifacts.LinuxDistribution}}, syftjson.DefaultEncoderConfig()).Distro
	packages := survey.held.join(&s.Artifacts)
	for at, reasons := range s.Artifacts.Unknowns {
		out.Unknowns = append(out.Unknowns, unknown{at, reasons})
	}
	slices.SortFunc(out.Unknowns, byPlace)
	s.Artifacts = sbom.Artifacts{}
	var both sync.WaitGroup
	var failed, failedToo error
	both.Go(func() { failed = out.encodeRelations(ctx, s, packages, survey) })
	both.Go(func() { failedToo = out.encodePackages(ctx, s.Source, packages, survey) })
	both.Wait()
	switch {
	case failed != nil:
		return nil, fmt.Errorf("encode relationships: %w", failed)
	case failedToo != nil:
		return nil, fmt.Errorf("encode packages: %w", failedToo)
	}
	out.anew = survey.ran()
	return out, nil
}

func byPlace(a, b unknown) int { return byText(a.At, b.At) }

func byText(a, b file.Coordinates) int {
	return cmp.Or(cmp.Compare(a.RealPath, b.RealPath), cmp.Compare(a.FileSystemID, b.FileSystemID), cmp.Compare(a.FullPath, b.FullPath))
}

// relation is a relationship of syft's, its ends as numbers.
type relation struct {
	from, to uint64
	kind     artifact.RelationshipType
	data     any
}

// encodeRelations packs the relationships, in syft's order. Those that are alike
// but for their data follow their data.
func (out *sections) encodeRelations(ctx context.Context, s *sbom.SBOM, packages []pkg.Package, survey *survey) error {
	image := artifact.ID(s.Source.ID)
	ends := newEnds(survey.watched)
	list := make([]relation, 0, len(s.Relationships))
	var own []relation
	for i, rel := range s.Relationships {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		to, err := ends.identity(rel.To)
		if err != nil {
			return err
		}
		one := relation{0, to, rel.Type, rel.Data}
		if _, isFile := rel.From.(file.Coordinates); !isFile && rel.From.ID() == image {
			own = append(own, one)
			continue
		}
		if one.from, err = ends.identity(rel.From); err != nil {
			return err
		}
		list = append(list, one)
	}
	s.Relationships = nil
	ofImage, evident, err := survey.held.related(ends)
	if err != nil {
		return err
	}
	owned, err := survey.ownership(ctx, packages, ends)
	if err != nil {
		return err
	}
	own, list = append(own, ofImage...), slices.Concat(list, evident, owned)
	odd := ends.odd
	out.Apart = ends.apart()
	if out.relations, err = packRelations(ctx, list, odd, false); err != nil {
		return err
	}
	out.contained, err = packRelations(ctx, own, odd, true)
	return err
}

func packRelations(ctx context.Context, list []relation, odd oddIdentities, own bool) ([]byte, error) {
	data := newEncoder()
	text := func(v any) string {
		if v == nil {
			return ""
		}
		b, _ := data.encode(v)
		return string(b)
	}
	slices.SortFunc(list, func(a, b relation) int {
		if c := cmp.Or(odd.compare(a.from, b.from), odd.compare(a.to, b.to), cmp.Compare(a.kind, b.kind)); c != 0 {
			return c
		}
		return cmp.Compare(text(a.data), text(b.data))
	})
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	w := relationWriter{enc: newEncoder(), odd: odd, kinds: map[artifact.RelationshipType]string{}}
	for i, rel := range list {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		b, err := w.encode(rel, own)
		if err != nil {
			return nil, err
		}
		if err := p.add(b); err != nil {
			return nil, err
		}
	}
	return p.finish()
}

// relationWriter encodes relationships as syft's model of them is encoded. It does
// without reflection: most images have tens of thousands.
type relationWriter struct {
	enc   *encoder
	odd   oddIdentities
	kinds map[artifact.RelationshipType]string // as JSON
	text  []byte
}

// encode gives a relationship's JSON, which is valid until the next call; of one
// that the image itself has, without its parent.
func (w *relationWriter) encode(rel relation, own bool) ([]byte, error) {
	kind, known := w.kinds[rel.kind]
	if !known {
		text, err := w.enc.encode(rel.kind)
		if err != nil {
			return nil, err
		}
		kind = string(text)
		w.kinds[rel.kind] = kind
	}
	b := append(w.text[:0], parentKey...)
	if !own {
		b = w.odd.append(b, rel.from)
	}
	b = append(b, `","child":"`...)
	b = w.odd.append(b, rel.to)
	b = append(b, `","type":`...)
	b = append(b, kind...)
	if rel.data != nil {
		data, err := w.enc.encode(rel.data)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"metadata":`...), data...)
	}
	w.text = append(b, '}')
	return w.text, nil
}

// ends gives the identities of what relationships connect, and keeps those files
// that the image's own list might lack.
type ends struct {
	resolver file.PathResolver
	files    map[file.Coordinates]uint64
	odd      oddIdentities
}

func newEnds(r file.PathResolver) *ends {
	return &ends{r, map[file.Coordinates]uint64{}, oddIdentities{}}
}

func (e *ends) identity(of artifact.Identifiable) (uint64, error) {
	at, isFile := of.(file.Coordinates)
	if isFile {
		id, known := e.files[at]
		if !known {
			id = uint64(identity(at))
			e.files[at] = id
		}
		return id, nil
	}
	return e.odd.number(of.ID()), nil
}

// apart are the files that the resolver does not find where relationships say
// they are.
func (e *ends) apart() []file.Coordinates {
	var list []file.Coordinates
	for at := range e.files {
		found, err := e.resolver.FilesByPath(at.RealPath)
		if err != nil || len(found) != 1 || found[0].Coordinates != at {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, byText)
	e.files = nil
	return list
}

// packagesAtOnce is how many packages each of the goroutines that encode them has in
// syft's model of the document at the same time.
const packagesAtOnce = 64

// encodePackages packs the packages in syft's order.
func (out *sections) encodePackages(ctx context.Context, src source.Description, packages []pkg.Package, survey *survey) error {
	p, err := newPacker()
	if err != nil {
		return err
	}
	sorted, err := survey.sorted(packages)
	if err != nil {
		return err
	}
	out.Packages = len(sorted)
	err = inTurn(ctx, slices.Chunk(sorted, packagesAtOnce), func(part []pkg.Package) ([][]byte, error) {
		return survey.encode(src, part)
	}, func(texts [][]byte) error {
		for _, text := range texts {
			if err := p.add(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	out.packages, err = p.finish()
	return err
}

// encode gives packages that follow each other in syft's order as the document has
// them. It leaves nothing of them.
func (s *survey) encode(src source.Description, part []pkg.Package) ([][]byte, error) {
	var err error
	for i, p := range part {
		if part[i], err = s.whole(p); err != nil {
			return nil, err
		}
	}
	few := sbom.SBOM{Source: src, Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(part...)}}
	clear(part)
	enc := newEncoder()
	var texts [][]byte
	for _, m := range syftjson.ToFormatModel(few, syftjson.DefaultEncoderConfig()).Artifacts {
		b, err := enc.encode(m)
		if err != nil {
			return nil, err
		}
		texts = append(texts, bytes.Clone(b))
	}
	return texts, nil
}

// inTurn has do make something of each element, a few at a time, and use use that in
// the elements' order. It ends with its context, and with the first error.
func inTurn[From, To any](ctx context.Context, all iter.Seq[From], do func(From) (To, error), use func(To) error) error {
	type made struct {
		thing To
		err   error
	}
	ahead := make(chan chan made, runtime.GOMAXPROCS(0)-1)
	inner, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() {
		defer close(ahead)
		for one := range all {
			to := make(chan made, 1)
			select {
			case ahead <- to:
			case <-inner.Done():
				return
			}
			group.Go(func() {
				thing, err := do(one)
				to <- made{thing, err}
			})
		}
	})
	for next := range ahead {
		m := <-next
		if m.err != nil {
			return m.err
		}
		if err := use(m.thing); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
