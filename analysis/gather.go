package analysis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tidepole/tidepole/analysis/tree"
	"github.com/tidepole/tidepole/formats/bundle"
)

// gathered is what the searches found in an image, within their bounds.
type gathered struct {
	secrets  gathering // in all layers, under the paths they have there
	contents gathering // in the final image, under every path it has for the file
}

// gathering is what one search found in an image. What is over its bound is left
// out: that which comes last, by layers from the lowest on and their files'
// order.
type gathering struct {
	name string
	list []bundle.Search
	room int // for matches
	gaps int // room for them
	full bool
}

func newGathering(name string) gathering {
	return gathering{name: name, room: MaxMatches, gaps: MaxMatches}
}

// gather goes through the layers, and holds what was found in one at a time.
func (e *evidence) gather(ctx context.Context) (g gathered, err error) {
	g = gathered{newGathering(secretSearch), newGathering(contentSearch)}
	paths := e.tree.List()
	shown := e.shown(paths)
	first := firsts(e.layers)
	for i, l := range e.layers {
		var visible []place
		visible, shown = cutPlaces(shown, i)
		if !first[i] && len(visible) == 0 {
			continue
		}
		if ctx.Err() != nil {
			return g, context.Cause(ctx)
		}
		found, err := e.found(l)
		if err != nil {
			return g, err
		}
		if first[i] {
			e.gapsOf(&g.secrets, l, found.Secrets)
			e.gapsOf(&g.contents, l, found.Contents)
			e.everywhere(&g.secrets, l, found.Secrets)
			e.secret = e.secret || e.keeps(l, found.Secrets)
		}
		e.visible(&g.contents, paths, visible, found.Contents)
	}
	g.secrets.list = merge(g.secrets.list, e.layers)
	g.contents.list = merge(g.contents.list, e.layers)
	return g, nil
}

// firsts tells which layers equal no earlier one.
func firsts(all []*layer) []bool {
	seen := map[string]bool{}
	list := make([]bool, len(all))
	for i, l := range all {
		list[i] = !seen[l.id]
		seen[l.id] = true
	}
	return list
}

// place is where the content of a path of the final image is described.
type place struct{ layer, ordinal, path int32 }

// shown are the paths of the final image that have contents, by place; none
// where those are not searched.
func (e *evidence) shown(all tree.List) (list []place) {
	if e.o.Content == nil {
		return nil
	}
	for n := range all.Len() {
		if at, ok := all.Filled(n); ok {
			list = append(list, place{int32(at.Layer), int32(at.Ordinal), int32(n)})
		}
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.ordinal, b.ordinal), cmp.Compare(a.path, b.path))
	})
	return list
}

// cutPlaces cuts off those of a layer.
func cutPlaces(list []place, layer int) (own, rest []place) {
	n := 0
	for n < len(list) && int(list[n].layer) == layer {
		n++
	}
	return list[:n], list[n:]
}

// gapsOf takes over the gaps of a layer.
func (e *evidence) gapsOf(g *gathering, l *layer, f *found) {
	if f == nil {
		return
	}
	for _, gap := range f.Gaps {
		if g.gaps--; g.gaps < 0 {
			return
		}
		reason := gap.Reason
		if g.gaps == 0 {
			reason = fmt.Sprintf("%s: more than %d files of the image could not be searched in full: the rest of them, from here on, is left out", g.name, MaxMatches)
		}
		e.gap(string(l.index().Path(gap.Ordinal)), l.id, reason)
	}
}

// everywhere takes over what was found in a layer.
func (e *evidence) everywhere(g *gathering, l *layer, f *found) {
	if f == nil {
		return
	}
	for _, in := range f.Files {
		at := bundle.Location{Path: string(l.index().Path(in.Ordinal)), LayerID: l.id}
		if !e.take(g, at, in.Matches) {
			return
		}
	}
}

// visible takes over what was found in those files of a layer that the final
// image has.
func (e *evidence) visible(g *gathering, list tree.List, places []place, f *found) {
	if f == nil || len(f.Files) == 0 {
		return
	}
	files := f.Files
	for _, p := range places {
		for len(files) > 0 && files[0].Ordinal < int(p.ordinal) {
			files = files[1:]
		}
		if len(files) == 0 {
			return
		}
		if files[0].Ordinal > int(p.ordinal) {
			continue
		}
		at := list.File(int(p.path))
		if !e.take(g, bundle.Location{Path: at.Path, LayerID: at.Layer}, files[0].Matches) {
			return
		}
	}
}

// take adds matches as far as there is room for them, and is false once there
// is none.
func (e *evidence) take(g *gathering, at bundle.Location, matches []bundle.Match) bool {
	if g.full {
		return false
	}
	if len(matches) > g.room {
		e.gap(at.Path, at.LayerID, fmt.Sprintf("%s: the image has more than %d matches: the rest of them, from here on, is left out", g.name, MaxMatches))
		matches, g.full = matches[:g.room], true
	}
	g.room -= len(matches)
	if len(matches) > 0 {
		g.list = append(g.list, bundle.Search{Location: at, Matches: matches})
	}
	return !g.full
}

// keeps tells whether a file that was retrieved from a layer is one of those in
// which something was found.
func (e *evidence) keeps(l *layer, f *found) bool {
	ordinals := f.ordinals()
	return slices.ContainsFunc(e.retrieved, func(p tree.Place) bool {
		if e.layers[p.Layer].id != l.id {
			return false
		}
		_, ok := slices.BinarySearch(ordinals, p.Ordinal)
		return ok
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
