package importserver

import (
	"context"
	"maps"
	"slices"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// maxMatches bounds the matches in one answer, and maxNamed how long the paths and the
// names of what was found are together.
const (
	maxMatches = 1_000_000
	maxNamed   = 128 << 20

	searchesHint = "narrow the patterns that the image is searched for, and analyse it again"
)

// Secrets are the places where a rule found a secret, by path.
func (a *Account) Secrets(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return collect(ctx, digest, a.eachSecret)
}

// ContentSearches are the places where a pattern of the user's matched, by path.
func (a *Account) ContentSearches(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return collect(ctx, digest, a.eachContentSearch)
}

func collect(ctx context.Context, digest string, each func(context.Context, string, func(wire.SearchResult) error) error) ([]wire.SearchResult, error) {
	list := []wire.SearchResult{}
	err := each(ctx, digest, func(r wire.SearchResult) error {
		list = append(list, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (a *Account) eachSecret(ctx context.Context, digest string, visit func(wire.SearchResult) error) error {
	return a.searches(ctx, digest, bundle.SecretSearches, "no secret search was made in this image", visit)
}

func (a *Account) eachContentSearch(ctx context.Context, digest string, visit func(wire.SearchResult) error) error {
	return a.searches(ctx, digest, bundle.ContentSearches, "no content search was made in this image", visit)
}

// searches visits what was found, path by path, in a place for what is heavy. All places
// of an image are known before the first is visited, for the layers of a path need not
// follow each other.
func (a *Account) searches(ctx context.Context, digest string, kind bundle.Kind, absent string, visit func(wire.SearchResult) error) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	r, err := open(b, kind, absent)
	if err != nil {
		return err
	}
	defer r.Close()
	leave, err := a.place(ctx)
	if err != nil {
		return err
	}
	defer leave()
	g := &grouping{places: map[string]map[string][]place{}, layers: map[string]int32{}}
	if err := bundle.EachSearch(r, g.add); err != nil {
		return err
	}
	return g.each(visit)
}

// grouping gathers matches by path and rule, all layers together. It is small: a
// match takes forty bytes, and a name is there once.
type grouping struct {
	places map[string]map[string][]place
	layers map[string]int32 // by their order
	ids    []string         // of the layers, in that order
	n      int
	named  int // bytes
}

// place is where something matched.
type place struct {
	line, column, offset, length int64
	layer                        int32
}

func (g *grouping) add(s bundle.Search) error {
	if len(s.Matches) == 0 {
		return nil
	}
	if g.n += len(s.Matches); g.n > maxMatches {
		return fault.New(fault.TooLarge, "there are more than %d matches", maxMatches).WithHint(searchesHint)
	}
	rules := g.places[s.Location.Path]
	if rules == nil {
		rules = map[string][]place{}
		g.places[s.Location.Path] = rules
		g.named += len(s.Location.Path)
	}
	layer, ok := g.layers[s.Location.LayerID]
	if !ok {
		layer = int32(len(g.ids))
		g.layers[s.Location.LayerID] = layer
		g.ids = append(g.ids, s.Location.LayerID)
		g.named += len(s.Location.LayerID)
	}
	for _, m := range s.Matches {
		if _, ok := rules[m.Classification]; !ok {
			g.named += len(m.Classification)
		}
		rules[m.Classification] = append(rules[m.Classification], place{
			layer: layer, line: m.LineNumber, column: m.LineOffset, offset: m.SeekPosition, length: m.Length,
		})
	}
	if g.named > maxNamed {
		return fault.New(fault.TooLarge, "the names of what was found have more than %d bytes together", maxNamed).WithHint(searchesHint)
	}
	return nil
}

// each visits what was gathered, by path and rule.
func (g *grouping) each(visit func(wire.SearchResult) error) error {
	for _, path := range slices.Sorted(maps.Keys(g.places)) {
		r := wire.SearchResult{Path: path, Matches: []wire.SearchMatch{}}
		rules := g.places[path]
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			m := wire.SearchMatch{Name: name, Regex: name, Lines: lines(rules[name])}
			for _, p := range rules[name] {
				m.Places = append(m.Places, wire.SearchPlace{
					LayerID: g.ids[p.layer], Line: p.line, Column: p.column, Offset: p.offset, Length: p.length,
				})
			}
			r.Matches = append(r.Matches, m)
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// lines are the places' lines from 0, each once, ascending.
func lines(places []place) []int64 {
	list := make([]int64, 0, len(places))
	for _, p := range places {
		list = append(list, max(p.line-1, 0))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// maxRetrieved bounds the bytes of retrieved files in one answer, in base64.
const maxRetrieved = 256 << 20

// RetrievedFiles are the files of an image that were kept whole.
func (a *Account) RetrievedFiles(ctx context.Context, digest string) ([]wire.RetrievedFile, error) {
	list, size := []wire.RetrievedFile{}, 0
	err := a.eachRetrieved(ctx, digest, func(f wire.RetrievedFile) error {
		if size += len(f.Content); size > maxRetrieved {
			return fault.New(fault.TooLarge, "the retrieved files are longer than %d bytes together", maxRetrieved)
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (a *Account) eachRetrieved(ctx context.Context, digest string, visit func(wire.RetrievedFile) error) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	r, err := open(b, bundle.FileContents, "no files were retrieved from this image")
	if err != nil {
		return err
	}
	defer r.Close()
	return bundle.EachFileContent(r, func(f bundle.FileContent) error {
		return visit(wire.RetrievedFile{Path: f.Location.Path, Content: f.Contents})
	})
}
