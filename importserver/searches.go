package importserver

import (
	"context"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// maxMatches bounds the matches in one answer.
const maxMatches = 1_000_000

// Secrets are the places where a rule found a secret, by path.
func (a *Account) Secrets(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return a.searches(ctx, digest, bundle.SecretSearches, "no secret search was made in this image")
}

// ContentSearches are the places where a pattern of the user's matched, by path.
func (a *Account) ContentSearches(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return a.searches(ctx, digest, bundle.ContentSearches, "no content search was made in this image")
}

func (a *Account) searches(ctx context.Context, digest string, kind bundle.Kind, absent string) ([]wire.SearchResult, error) {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return nil, err
	}
	r, err := open(b, kind, absent)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	g := grouping{}
	if err := bundle.EachSearch(r, g.add); err != nil {
		return nil, err
	}
	return g.results(), nil
}

// grouping gathers matches by path and rule, all layers together.
type grouping struct {
	places map[string]map[string][]wire.SearchPlace
	n      int
}

func (g *grouping) add(s bundle.Search) error {
	if len(s.Matches) == 0 {
		return nil
	}
	if g.places == nil {
		g.places = map[string]map[string][]wire.SearchPlace{}
	}
	rules := g.places[s.Location.Path]
	if rules == nil {
		rules = map[string][]wire.SearchPlace{}
		g.places[s.Location.Path] = rules
	}
	if g.n += len(s.Matches); g.n > maxMatches {
		return fault.New(fault.TooLarge, "there are more than %d matches", maxMatches)
	}
	for _, m := range s.Matches {
		rules[m.Classification] = append(rules[m.Classification], wire.SearchPlace{
			LayerID: s.Location.LayerID, Line: m.LineNumber, Column: m.LineOffset, Offset: m.SeekPosition, Length: m.Length,
		})
	}
	return nil
}

func (g *grouping) results() []wire.SearchResult {
	all := []wire.SearchResult{}
	for path, rules := range g.places {
		r := wire.SearchResult{Path: path, Matches: []wire.SearchMatch{}}
		for name, places := range rules {
			r.Matches = append(r.Matches, wire.SearchMatch{Name: name, Regex: name, Lines: lines(places), Places: places})
		}
		slices.SortFunc(r.Matches, func(a, b wire.SearchMatch) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b wire.SearchResult) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// lines are the places' lines from 0, each once, ascending.
func lines(places []wire.SearchPlace) []int64 {
	list := make([]int64, 0, len(places))
	for _, p := range places {
		list = append(list, max(p.Line-1, 0))
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
