package analysis

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

// MaxMatches bounds what one search keeps: of an image, and so of a layer. Of
// its gaps as many are kept.
const MaxMatches = 100_000

// found is what a search found in one layer. It follows from the layer alone:
// what is over the bound is that which comes last in the layer.
type found struct {
	Files []foundIn `json:"files,omitempty"` // by ordinal
	Rest  []int     `json:"rest,omitempty"`  // ordinals of those with matches all of which are left out
	Gaps  []gap     `json:"gaps,omitempty"`  // by ordinal
}

// foundIn is what stands in the content of one entry of a layer.
type foundIn struct {
	Ordinal int            `json:"ordinal"`
	Matches []bundle.Match `json:"matches"` // by place
}

// gap is something of a file that was not searched although it should have been.
type gap struct {
	Ordinal int    `json:"ordinal"`
	Reason  string `json:"reason"`
}

// search collects what a matcher finds in the files of one layer, in any order.
type search struct {
	name    string
	matcher *secrets.Matcher

	mu      sync.Mutex
	found   found
	matches int // in found
	cut     cut // in matches
	cutGaps cut
}

// cut is where the first thing stands that was left out.
type cut struct {
	ordinal int
	any     bool
}

func (c *cut) at(ordinal int) {
	if !c.any || ordinal < c.ordinal {
		*c = cut{ordinal, true}
	}
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
	if len(matches) > 0 {
		s.found.Files = append(s.found.Files, foundIn{ordinal, slices.Clip(matches)})
		s.matches += len(matches)
	}
	if s.matches >= 2*MaxMatches {
		s.prune()
	}
	if len(s.found.Gaps) >= 2*MaxMatches {
		s.pruneGaps()
	}
}

func (s *search) gap(ordinal int, reason string) {
	s.found.Gaps = append(s.found.Gaps, gap{ordinal, s.name + ": " + reason})
}

// prune sorts the matches and leaves out those over the bound. What comes later
// can only move the place from where on they are left out towards the beginning.
func (s *search) prune() {
	f := &s.found
	slices.SortFunc(f.Files, func(a, b foundIn) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	room := MaxMatches
	for i := range f.Files {
		in := &f.Files[i]
		if len(in.Matches) <= room {
			room -= len(in.Matches)
			continue
		}
		s.cut.at(in.Ordinal)
		in.Matches = slices.Clone(in.Matches[:room])
		room = 0
	}
	s.matches = MaxMatches - room
	for len(f.Files) > 0 && len(f.Files[len(f.Files)-1].Matches) == 0 {
		f.Rest = append(f.Rest, f.Files[len(f.Files)-1].Ordinal)
		f.Files = f.Files[:len(f.Files)-1]
	}
}

// pruneGaps is prune of the gaps.
func (s *search) pruneGaps() {
	slices.SortFunc(s.found.Gaps, gap.compare)
	if all := s.found.Gaps; len(all) > MaxMatches {
		s.cutGaps.at(all[MaxMatches].Ordinal)
		clear(all[MaxMatches:])
		s.found.Gaps = all[:MaxMatches]
	}
}

func (g gap) compare(other gap) int {
	return cmp.Or(cmp.Compare(g.Ordinal, other.Ordinal), cmp.Compare(g.Reason, other.Reason))
}

// result is what was found, in the order of the layer; nil where nothing was
// searched for. Nobody may be searching any more.
func (s *search) result() *found {
	if s == nil {
		return nil
	}
	s.prune()
	s.pruneGaps()
	if s.cut.any {
		s.gap(s.cut.ordinal, fmt.Sprintf("the layer has more than %d matches: the rest of them, from here on, is left out", MaxMatches))
	}
	if s.cutGaps.any {
		s.gap(s.cutGaps.ordinal, fmt.Sprintf("more than %d files of the layer could not be searched in full: the rest of them, from here on, is left out", MaxMatches))
	}
	slices.SortFunc(s.found.Gaps, gap.compare)
	slices.Sort(s.found.Rest)
	return &s.found
}

// ordinals are the entries that anything was found in.
func (f *found) ordinals() []int {
	if f == nil {
		return nil
	}
	list := slices.Clone(f.Rest)
	for _, in := range f.Files {
		list = append(list, in.Ordinal)
	}
	slices.Sort(list)
	return list
}
