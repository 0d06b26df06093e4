package analysis

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/analysis/tree"
	"github.com/tidepole/tidepole/formats/bundle"
)

// MaxMatches bounds what one search keeps of a layer.
const MaxMatches = 100_000

// found is what a search found in one layer.
type found struct {
	Files []foundIn `json:"files,omitempty"` // by ordinal
	Gaps  []gap     `json:"gaps,omitempty"`  // by ordinal
}

// foundIn is what stands in the content of one entry of a layer.
type foundIn struct {
	Ordinal int            `json:"ordinal"`
	Matches []bundle.Match `json:"matches"`
}

// gap is something of a file that was not searched although it should have been.
type gap struct {
	Ordinal int    `json:"ordinal"`
	Reason  string `json:"reason"`
}

// search collects what a matcher finds in the files of one layer.
type search struct {
	name    string
	matcher *secrets.Matcher

	mu    sync.Mutex
	count int
	found found
}

// newSearch is nil where there is nothing to search for.
func newSearch(name string, m *secrets.Matcher) *search {
	if m == nil {
		return nil
	}
	return &search{name: name, matcher: m}
}

// observers are those of the searches that take place.
func observers(searches ...*search) []layers.Observer {
	var list []layers.Observer
	for _, s := range searches {
		if s != nil {
			list = append(list, s.observe)
		}
	}
	return list
}

// observe searches one file. What is larger than the limit, inflated or not, or
// known not to be worth a search, follows from the document's configuration and
// is no gap; that anything else was left out is, whether the rest has matches or
// not.
func (s *search) observe(e layers.Entry, ordinal int, r io.Reader) {
	matches, skipped, err := s.matcher.Scan(e.Path, e.Size, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.gap(ordinal, err.Error())
	}
	if skipped != "" && !s.matcher.Excluded(skipped) {
		s.gap(ordinal, skipped)
	}
	if room := MaxMatches - s.count; len(matches) > room {
		s.gap(ordinal, fmt.Sprintf("the layer has more than %d matches: the rest of them is left out", MaxMatches))
		matches = matches[:room]
	}
	if len(matches) > 0 {
		s.count += len(matches)
		s.found.Files = append(s.found.Files, foundIn{ordinal, slices.Clip(matches)})
	}
}

func (s *search) gap(ordinal int, reason string) {
	if len(s.found.Gaps) < MaxMatches {
		s.found.Gaps = append(s.found.Gaps, gap{ordinal, s.name + ": " + reason})
	}
}

// result is what was found, in the order of the layer; nil where nothing was
// searched for. Nobody may be searching any more.
func (s *search) result() *found {
	if s == nil {
		return nil
	}
	slices.SortFunc(s.found.Files, func(a, b foundIn) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	slices.SortFunc(s.found.Gaps, func(a, b gap) int {
		return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Reason, b.Reason))
	})
	return &s.found
}

// overflowed tells whether something was left out for want of room: what is left
// out then depends on which file came first.
func (s *search) overflowed() bool {
	return s != nil && (s.count >= MaxMatches || len(s.found.Gaps) >= MaxMatches)
}

// matches are what stands in the content of the entry with that ordinal.
func (f *found) matches(ordinal int) []bundle.Match {
	at, ok := slices.BinarySearchFunc(f.Files, ordinal, func(f foundIn, ordinal int) int { return cmp.Compare(f.Ordinal, ordinal) })
	if !ok {
		return nil
	}
	return f.Files[at].Matches
}

// everywhere are the matches in all layers, under the paths they have there.
func everywhere(all []*layer, of func(*layer) *found) []bundle.Search {
	var list []bundle.Search
	for _, l := range distinct(all) {
		for _, f := range of(l).Files {
			at := bundle.Location{Path: string(l.index().Path(f.Ordinal)), LayerID: l.id}
			list = append(list, bundle.Search{Location: at, Matches: f.Matches})
		}
	}
	return merge(list, all)
}

// visible are the matches in the final image, under every path it has for the
// file.
func visible(t *tree.Tree, all []*layer, of func(*layer) *found) ([]bundle.Search, error) {
	var list []bundle.Search
	err := t.Files(func(f tree.File) error {
		if !f.Entry.Regular {
			return nil
		}
		if matches := of(all[f.Place.Layer]).matches(f.Place.Ordinal); len(matches) > 0 {
			list = append(list, bundle.Search{Location: bundle.Location{Path: f.Path, LayerID: f.Layer}, Matches: matches})
		}
		return nil
	})
	return merge(list, all), err
}

// distinct are the layers without those that an earlier one equals.
func distinct(all []*layer) []*layer {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(l *layer) bool {
		again := seen[l.id]
		seen[l.id] = true
		return again
	})
}

// merge sorts by path, layer and position, and makes one of what a layer holds
// twice under the same path.
func merge(list []bundle.Search, all []*layer) []bundle.Search {
	order := map[string]int{}
	for i, l := range slices.Backward(all) {
		order[l.id] = i
	}
	slices.SortStableFunc(list, func(a, b bundle.Search) int {
		return cmp.Or(
			cmp.Compare(a.Location.Path, b.Location.Path),
			cmp.Compare(order[a.Location.LayerID], order[b.Location.LayerID]),
		)
	})
	merged := list[:0]
	for _, s := range list {
		if n := len(merged); n > 0 && merged[n-1].Location == s.Location {
			merged[n-1].Matches = slices.Concat(merged[n-1].Matches, s.Matches)
		} else {
			merged = append(merged, s)
		}
	}
	for _, s := range merged {
		slices.SortStableFunc(s.Matches, func(a, b bundle.Match) int {
			return cmp.Or(
				cmp.Compare(a.SeekPosition, b.SeekPosition),
				cmp.Compare(a.Length, b.Length),
				cmp.Compare(a.Classification, b.Classification),
			)
		})
	}
	return merged
}
