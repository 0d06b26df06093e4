package tree

// List is the paths that a layer describes, by number. It takes 4 bytes a path.
type List struct {
	tree  *Tree
	nodes []int32
}

// List lists the paths that a layer describes, sorted.
func (t *Tree) List() List {
	l := List{tree: t, nodes: make([]int32, 0, len(t.nodes))}
	for n := range t.sorted {
		l.nodes = append(l.nodes, n)
	}
	return l
}

// Len is how many there are.
func (l List) Len() int { return len(l.nodes) }

// At tells the diff ID of the layer that describes a path, and the path, which
// must not be changed.
func (l List) At(n int) (layer string, path []byte) {
	at := l.tree.nodes[l.nodes[n]]
	from := l.tree.layers[at.layer]
	return from.ID, from.Index.Path(int(at.own))
}

// File is the file at a path.
func (l List) File(n int) File { return l.tree.file(l.nodes[n]) }
