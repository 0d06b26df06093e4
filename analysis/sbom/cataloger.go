package sbom

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	cpes "github.com/anchore/syft/syft/pkg/cataloger/common/cpe"
)

// survey is one cataloguing of an image: what each cataloger found, and where.
type survey struct {
	watched *watched
	layers  []string
	notes   bool // each cataloger's questions are noted
	memory  *recollection

	mu      sync.Mutex
	running int      // catalogers that have not ended
	finds   []*finds // in the order in which syft takes them
	places  map[artifact.ID][]place
	given   []pkg.Package          // to syft
	held    held                   // packages that it is not given
	owners  []pkg.Package          // of files, of all these
	owned   map[artifact.ID]*owned // by these
	anew    []string               // catalogers that ran
}

func newSurvey(w *watched, layers []string, m *recollection) *survey {
	return &survey{
		watched: w, layers: layers, notes: m != nil, memory: m,
		places: map[artifact.ID][]place{}, held: held{}, owned: map[artifact.ID]*owned{},
	}
}

func (s *survey) locator() locator {
	l, _ := s.watched.Resolver.(locator)
	return l
}

// surveyed is one of syft's catalogers. What it found before is taken again where
// all that it asks for is as it was; else it asks through a resolver of its own,
// which notes that.
type surveyed struct {
	pkg.Cataloger
	survey *survey
}

// Catalog gives what the cataloger finds, its packages as syft needs them before
// they are written. The last one gives those of others, too, that syft turned out to
// need.
func (c surveyed) Catalog(ctx context.Context, _ file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	packages, relations, err := c.find(ctx)
	return append(packages, c.survey.ended()...), relations, err
}

func (c surveyed) find(ctx context.Context) ([]pkg.Package, []artifact.Relationship, error) {
	if list := c.alone(); len(list) > 0 {
		return c.catalogEach(ctx, list)
	}
	return c.catalog(ctx, nil, &atomic.Int64{})
}

// catalog gives what the cataloger finds in the whole image, or in an executable. size
// is how many bytes its questions had before.
func (c surveyed) catalog(ctx context.Context, only *file.Location, size *atomic.Int64) ([]pkg.Package, []artifact.Relationship, error) {
	s := c.survey
	if f, all := s.memory.recall(ctx, c.part(only), s); f != nil {
		packages, relations := s.take(f, all)
		return packages, relations, errorOf(f.unknowns)
	}
	w := &watched{Resolver: s.watched.Resolver, ctx: s.watched.ctx, only: only}
	if silencesOf[c.Name()] != 0 {
		w.asks = c.Name()
	}
	if s.notes {
		w.seen = newRecord(w.Resolver, size)
	}
	all, relations, err := c.Cataloger.Catalog(ctx, w)
	for i := range all {
		complete(&all[i], c.Name())
	}
	f := newFinds(s.watched.ctx, c.part(only), s.layers, s.locator(), all, relations, err)
	if t, ok := w.seen.trace(s.layers); ok && f.known {
		f.trace = t
	} else {
		f.known = false
	}
	s.mu.Lock()
	s.anew = append(s.anew, c.Name())
	s.mu.Unlock()
	packages, relations := s.take(f, all)
	return packages, relations, err
}

// ran are the names of the catalogers that ran, sorted.
func (s *survey) ran() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.anew)))
}

// ended notes that a cataloger has ended, and gives what is missing after the last one.
func (s *survey) ended() []pkg.Package {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running--; s.running > 0 {
		return nil
	}
	return s.held.giveOwners(s.given, s.watched.libraries(), s.ownedBy)
}

// take notes what was found.
func (s *survey) take(f *finds, all []pkg.Package) ([]pkg.Package, []artifact.Relationship) {
	s.findOwned(all)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range all {
		if hasNotes(p) {
			s.watched.notes.Store(true)
			for _, l := range p.Locations.ToUnorderedSlice() {
				s.watched.noted.Store(l.Coordinates, true)
			}
		}
	}
	s.finds = append(s.finds, f)
	packages, relations := f.lean(all, func(id artifact.ID, at place) { s.places[id] = append(s.places[id], at) })
	for _, p := range packages {
		if isOwner(p) {
			s.owners = append(s.owners, p)
		}
	}
	packages = s.held.take(packages)
	s.given = append(s.given, packages...)
	return packages, relations
}

// hasNotes tells whether a package is one that a binary tells of in notes.
func hasNotes(p pkg.Package) bool {
	_, ok := p.Metadata.(pkg.ELFBinaryPackageNoteJSONPayload)
	return ok
}

// complete does to a package what syft does when its cataloger has ended, before
// it is related to others: in syft's order, and as syft is configured by default.
func complete(p *pkg.Package, cataloger string) {
	if p.FoundBy == "" {
		p.FoundBy = cataloger
	}
	if !slices.ContainsFunc(p.CPEs, func(c cpe.CPE) bool { return c.Source != cpe.GeneratedSource }) {
		if known, ok := cpes.DictionaryFind(*p); ok {
			p.CPEs = append(p.CPEs, known...)
		} else {
			p.CPEs = append(p.CPEs, cpes.Generate(*p)...)
		}
	}
	if p.Language == "" {
		p.Language = pkg.LanguageFromPURL(p.PURL)
	}
	if !p.Licenses.Empty() {
		list := p.Licenses.ToSlice()
		for i := range list {
			list[i].Contents = ""
		}
		p.Licenses = pkg.NewLicenseSet(list...)
	}
}

// whole is a package whole again: what syft has of it by now, and what was
// packed of it.
func (s *survey) whole(p pkg.Package) (pkg.Package, error) {
	places := s.places[p.ID()]
	if len(places) == 0 {
		return p, nil
	}
	first, err := places[0].unpack(s.locator())
	if err != nil || len(places) == 1 {
		return first, err
	}
	all := pkg.NewCollection(first)
	for _, at := range places[1:] {
		more, err := at.unpack(s.locator())
		if err != nil {
			return pkg.Package{}, err
		}
		all.Add(more)
	}
	return *all.Package(p.ID()), nil
}

// withoutDetails is how syft is configured where complete does the rest.
func withoutDetails() cataloging.DataGenerationConfig {
	return cataloging.DefaultDataGenerationConfig().WithGenerateCPEs(false)
}
