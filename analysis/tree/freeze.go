package tree

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ghost is a folder under a path that is none any more, as a layer described it:
// it is still found by the name it had there.
type ghost struct {
	name   string
	folder int32
}

// freeze makes the tree of the drafts. They are of no use afterwards.
func (d *drafts) freeze(ctx context.Context) (*Tree, error) {
	live := 1
	for i := range d.nodes {
		if !d.nodes[i].dead {
			live++
		}
	}
	t := &Tree{
		layers: d.layers, work: d.work, nodes: make([]node, 0, live),
		links: map[int32]Place{}, bases: map[int32]Place{},
	}
	d.slots = nil
	origin := make([]int32, 1, live)
	t.nodes = append(t.nodes, d.frozen(0, 0))
	var sorted []int32
	for n := int32(0); int(n) < len(t.nodes); n++ {
		from := origin[n]
		if p, ok := d.links[from]; ok {
			t.links[n] = p
		}
		if p, ok := d.bases[from]; ok {
			t.bases[n] = p
		}
		sorted = d.children(sorted[:0], from)
		t.nodes[n].first, t.nodes[n].count = int32(len(t.nodes)), int32(len(sorted))
		for _, c := range sorted {
			made := d.frozen(c, n)
			made.name = span{uint32(len(t.text)), made.name.length}
			t.text = append(t.text, d.name(c)...)
			t.nodes = append(t.nodes, made)
			origin = append(origin, c)
		}
		t.odd = t.odd || t.nodes[n].count > 0 && t.nodes[n].kind != folder
	}
	t.text = bytes.Clone(t.text) // to its size
	if err := t.haunt(ctx, d.gone); err != nil {
		return nil, fmt.Errorf("put the layers of the image together: %w", err)
	}
	t.search.tree, t.given.tree = t, t
	return t, nil
}

func (d *drafts) frozen(n, parent int32) node {
	at := d.nodes[n]
	return node{parent: parent, name: at.name, layer: at.layer, own: at.own, base: at.base, kind: at.kind}
}

// haunt finds the ghosts among the entries that were removed.
func (t *Tree) haunt(ctx context.Context, gone []Place) error {
	type key struct {
		path   string
		folder int32
	}
	seen := map[key]bool{}
	for _, p := range gone {
		at := string(t.layers[p.Layer].Index.Path(p.Ordinal))
		f, err := find(t, at, true)
		if err := t.work.spend(ctx, f.steps); err != nil {
			return err
		}
		if err != nil || f.node == none || t.kind(f.node) != folder || seen[key{at, f.node}] {
			continue
		}
		seen[key{at, f.node}] = true
		t.ghosts = append(t.ghosts, ghost{path.Base(at), f.node})
	}
	slices.SortFunc(t.ghosts, func(a, b ghost) int { return strings.Compare(a.name, b.name) })
	return nil
}
