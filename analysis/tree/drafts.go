package tree

import (
	"bytes"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
)

// drafts are paths while the tree is made: of one layer, or of all so far.
type drafts struct {
	layers []Layer
	work   *work // shared by all of an image
	nodes  []draft
	text   *[]byte // of the names
	slots  []int32 // a hash table of parent and name: a node and 1, 0 nothing yet, removed
	taken  int     // slots, the removed ones too
	links  map[int32]Place
	bases  map[int32]Place
	gone   []Place // the entries that were removed
}

// draft is a path. The first child leads to the next and so on; some may be dead.
type draft struct {
	parent, first, next int32
	alive               int32 // children
	name                span
	layer, own, base    int32
	kind                kind
	dead                bool
}

const removed = -1

var seed = maphash.MakeSeed()

// newDrafts has room for some paths, to begin with.
func newDrafts(layers []Layer, w *work, text *[]byte, paths int) *drafts {
	size := 64
	for size < paths+paths/2 {
		size *= 2
	}
	return &drafts{
		layers: layers, work: w, text: text, slots: make([]int32, size),
		nodes: append(make([]draft, 0, paths+1), draft{parent: 0, first: none, next: none, own: none, base: none}),
		links: map[int32]Place{}, bases: map[int32]Place{},
	}
}

func (d *drafts) clone() *drafts {
	return &drafts{
		layers: d.layers, work: d.work, text: d.text, nodes: slices.Clone(d.nodes), slots: slices.Clone(d.slots), taken: d.taken,
		links: maps.Clone(d.links), bases: maps.Clone(d.bases),
	}
}

func (d *drafts) full() bool {
	return len(*d.text) > math.MaxUint32/2 || len(d.nodes) > math.MaxInt32/2
}

func (d *drafts) name(n int32) []byte {
	s := d.nodes[n].name
	return (*d.text)[s.at : s.at+s.length]
}

// slot is where a name in a node is in the table, or could be.
func (d *drafts) slot(parent int32, name []byte) (at int, found bool) {
	mask, free := len(d.slots)-1, -1
	at = d.hash(parent, name)
	for ; d.slots[at] != 0; at = (at + 1) & mask {
		n := d.slots[at] - 1
		if d.slots[at] == removed {
			if free < 0 {
				free = at
			}
		} else if d.nodes[n].parent == parent && bytes.Equal(d.name(n), name) {
			return at, true
		}
	}
	if free >= 0 {
		at = free
	}
	return at, false
}

func (d *drafts) hash(parent int32, name []byte) int {
	h := maphash.Bytes(seed, name) ^ uint64(parent)*0x9e3779b97f4a7c15
	return int((h^h>>29)*0xbf58476d1ce4e5b9>>32) & (len(d.slots) - 1)
}

// find is the node of that name in a node, or none.
func (d *drafts) find(parent int32, name []byte) int32 {
	if d.nodes[parent].alive > 0 {
		if at, ok := d.slot(parent, name); ok {
			return d.slots[at] - 1
		}
	}
	return none
}

// add makes a node that is not there yet, without an entry.
func (d *drafts) add(parent int32, name []byte) int32 {
	s := span{uint32(len(*d.text)), uint32(len(name))}
	*d.text = append(*d.text, name...)
	return d.addNamed(parent, s)
}

// addNamed is add with a name that is in the text.
func (d *drafts) addNamed(parent int32, s span) int32 {
	if d.taken*4 > len(d.slots)*3 {
		d.grow()
	}
	n := int32(len(d.nodes))
	at, _ := d.slot(parent, (*d.text)[s.at:s.at+s.length])
	if d.slots[at] == 0 {
		d.taken++
	}
	d.slots[at] = n + 1
	d.nodes = append(d.nodes, draft{parent: parent, first: none, next: d.nodes[parent].first, name: s, own: none, base: none})
	d.nodes[parent].first = n
	d.nodes[parent].alive++
	return n
}

func (d *drafts) grow() {
	live := 0
	for i := range d.nodes {
		if !d.nodes[i].dead {
			live++
		}
	}
	size := len(d.slots)
	if live*2 > size {
		size *= 2
	}
	d.slots, d.taken = make([]int32, size), 0
	for i := int32(1); int(i) < len(d.nodes); i++ {
		if !d.nodes[i].dead {
			at, _ := d.slot(d.nodes[i].parent, d.name(i))
			d.slots[at] = i + 1
			d.taken++
		}
	}
}

// remove takes away a node and what is below it.
func (d *drafts) remove(n int32) {
	d.nodes[d.nodes[n].parent].alive--
	for rest := []int32{n}; len(rest) > 0; {
		n, rest = rest[len(rest)-1], rest[:len(rest)-1]
		for c := d.nodes[n].first; c != none; c = d.nodes[c].next {
			if !d.nodes[c].dead {
				rest = append(rest, c)
			}
		}
		at := &d.nodes[n]
		if slot, ok := d.slot(at.parent, d.name(n)); ok {
			d.slots[slot] = removed
		}
		if at.own != none {
			d.gone = append(d.gone, Place{int(at.layer), int(at.own)})
		}
		at.dead, at.alive, at.first = true, 0, none
		delete(d.links, n)
		delete(d.bases, n)
	}
}

// empty takes away what is below a node.
func (d *drafts) empty(n int32) {
	for c := d.nodes[n].first; c != none; c = d.nodes[c].next {
		if !d.nodes[c].dead {
			d.remove(c)
		}
	}
	d.nodes[n].first = none
}

// children appends the nodes in a node, sorted by name.
func (d *drafts) children(into []int32, n int32) []int32 {
	from := len(into)
	for c := d.nodes[n].first; c != none; c = d.nodes[c].next {
		if !d.nodes[c].dead {
			into = append(into, c)
		}
	}
	slices.SortFunc(into[from:], func(a, b int32) int { return bytes.Compare(d.name(a), d.name(b)) })
	return into
}

// folder is the node at a clean absolute path, or none.
func (d *drafts) folder(path []byte) int32 {
	n := int32(0)
	for len(path) > 1 && n != none {
		var name []byte
		name, path = cut(path)
		n = d.find(n, name)
	}
	return n
}

// makeFolder is like folder, and makes what is missing.
func (d *drafts) makeFolder(path []byte) int32 {
	n := int32(0)
	for len(path) > 1 {
		var name []byte
		name, path = cut(path)
		c := d.find(n, name)
		if c == none {
			c = d.add(n, name)
		}
		n = c
	}
	return n
}

// cut takes the first name off a clean absolute path.
func cut(path []byte) (name, rest []byte) {
	if i := bytes.IndexByte(path[1:], '/'); i >= 0 {
		return path[1 : 1+i], path[1+i:]
	}
	return path[1:], nil
}

// throughLink says whether something above a node is no folder.
func (d *drafts) throughLink(n int32) bool {
	for n != 0 {
		n = d.nodes[n].parent
		if d.nodes[n].kind != folder {
			return true
		}
	}
	return false
}

func (d *drafts) child(n int32, name string) int32 { return d.find(n, []byte(name)) }
func (d *drafts) parent(n int32) int32             { return d.nodes[n].parent }
func (d *drafts) kind(n int32) kind                { return d.nodes[n].kind }
func (d *drafts) described(n int32) bool           { return d.nodes[n].own != none }

func (d *drafts) base(n int32) Place {
	if p, ok := d.bases[n]; ok {
		return p
	}
	return Place{int(d.nodes[n].layer), int(d.nodes[n].base)}
}

func (d *drafts) link(n int32) string {
	p, ok := d.links[n]
	if !ok {
		p = d.base(n)
	}
	return string(d.layers[p.Layer].Index.Link(p.Ordinal))
}

func (d *drafts) path(n int32) string {
	if n == 0 {
		return "/"
	}
	var names []string
	for ; n != 0; n = d.nodes[n].parent {
		names = append(names, string(d.name(n)))
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}
