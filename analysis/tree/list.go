package tree

import "github.com/tidepole/tidepole/analysis/layers"

// List is the paths that a layer describes, by number. It takes 4 bytes a path, and
// is for one goroutine.
type List struct {
	tree    *Tree
	nodes   []int32
	cursors []*layers.Cursor // by layer
	last    *[2]asked
}

// asked is a path that was asked for, as those that are compared are again.
type asked struct {
	node int32
	path []byte
}

// List lists the paths that a layer describes, sorted.
func (t *Tree) List() List {
	l := List{tree: t, nodes: make([]int32, 0, len(t.nodes)), last: &[2]asked{{node: none}, {node: none}}}
	for _, from := range t.layers {
		l.cursors = append(l.cursors, from.Index.Cursor())
	}
	for n := range t.sorted {
		l.nodes = append(l.nodes, n)
	}
	return l
}

// Len is how many there are.
func (l List) Len() int { return len(l.nodes) }

// At tells the diff ID of the layer that describes a path, and the path, which
// must not be changed and is valid up to the call after the next.
func (l List) At(n int) (layer string, path []byte) {
	node := l.nodes[n]
	at := l.tree.nodes[node]
	if node != l.last[0].node {
		l.last[0], l.last[1] = l.last[1], l.last[0]
		if to := &l.last[0]; node != to.node {
			to.node, to.path = node, append(to.path[:0], l.cursors[at.layer].Path(int(at.own))...)
		}
	}
	return l.tree.layers[at.layer].ID, l.last[0].path
}

// File is the file at a path.
func (l List) File(n int) File {
	node := l.nodes[n]
	return l.tree.fileOf(node, l.tree.entryBy(node, func(layer, ordinal int) layers.Entry { return l.cursors[layer].Entry(ordinal) }))
}

// Filled is where the content of a path is described, if it has one of some bytes.
func (l List) Filled(n int) (at Place, ok bool) {
	at = l.tree.base(l.nodes[n])
	return at, l.tree.layers[at.Layer].Index.Filled(at.Ordinal)
}
