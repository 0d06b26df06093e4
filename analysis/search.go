package analysis

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

// MaxMatches bounds what one search of an image keeps.
const MaxMatches = 1_000_000

// search collects what a matcher finds in the files of all layers.
type search struct {
	name    string
	matcher *secrets.Matcher

	mu    sync.Mutex
	count int
	found map[place]*finding
	gaps  []gap
}

// place is one entry of one layer's tar.
type place struct {
	layer   string
	ordinal int
}

type finding struct {
	path    string
	matches []bundle.Match
}

// gap is something of a file that was not searched although it should have been.
type gap struct{ path, layer, reason string }

// newSearch is nil where there is nothing to search for.
func newSearch(name string, m *secrets.Matcher) *search {
	if m == nil {
		return nil
	}
	return &search{name: name, matcher: m, found: map[place]*finding{}}
}

// observers are those of the searches that take place.
func observers(searches ...*search) []files.Observer {
	var list []files.Observer
	for _, s := range searches {
		if s != nil {
			list = append(list, s.observe)
		}
	}
	return list
}

// observe searches one file, and keeps what it finds.
func (s *search) observe(e files.Entry, r io.Reader) {
	if matches := s.scan(e, r); len(matches) > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.found[place{e.Layer, e.Ordinal}] = &finding{e.Path, matches}
	}
}

// scan searches one file. What is larger than the limit, inflated or not, or known
// not to be worth a search, follows from the document's configuration and is no
// gap; that anything else was left out is, whether the rest has matches or not.
func (s *search) scan(e files.Entry, r io.Reader) []bundle.Match {
	matches, skipped, err := s.matcher.Scan(e.Path, e.Size, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.gap(e, err.Error())
	}
	if skipped != "" && !s.matcher.Excluded(skipped) {
		s.gap(e, skipped)
	}
	if room := MaxMatches - s.count; len(matches) > room {
		s.gap(e, fmt.Sprintf("the image has more than %d matches: the rest of them is left out", MaxMatches))
		matches = matches[:room]
	}
	s.count += len(matches)
	return slices.Clip(matches)
}

func (s *search) gap(e files.Entry, reason string) {
	if len(s.gaps) < MaxMatches {
		s.gaps = append(s.gaps, gap{e.Path, e.Layer, s.name + ": " + reason})
	}
}

// everywhere are the matches in all layers, under the paths they have there.
func (s *search) everywhere(layers []string) []bundle.Search {
	var list []bundle.Search
	for at, f := range s.found {
		list = append(list, bundle.Search{Location: bundle.Location{Path: f.path, LayerID: at.layer}, Matches: f.matches})
	}
	return merge(list, layers)
}

// visible are the matches in the final image, under every path it has for the
// file.
func (s *search) visible(tree *sbom.Image, layers []string) ([]bundle.Search, error) {
	var list []bundle.Search
	err := tree.Files(func(f sbom.File) error {
		var matches []bundle.Match
		if e, ok := f.Entry(); ok {
			if found := s.found[place{f.Layer, e.Ordinal}]; found != nil {
				matches = found.matches
			}
		} else {
			matches = s.again(f)
		}
		if len(matches) > 0 {
			list = append(list, bundle.Search{Location: bundle.Location{Path: f.Path, LayerID: f.Layer}, Matches: matches})
		}
		return nil
	})
	return merge(list, layers), err
}

// again searches a file that the pass could not follow.
func (s *search) again(f sbom.File) []bundle.Match {
	e := files.Entry{Layer: f.Layer, Path: f.Path, Size: f.Size}
	r, err := f.Open()
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gap(e, err.Error())
		return nil
	}
	defer r.Close()
	return s.scan(e, r)
}

// merge sorts by path, layer and position, and makes one of what a layer holds
// twice under the same path.
func merge(list []bundle.Search, layers []string) []bundle.Search {
	order := map[string]int{}
	for i, id := range slices.Backward(layers) {
		order[id] = i
	}
	slices.SortFunc(list, func(a, b bundle.Search) int {
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
