// Package tree gives the final image as its layers make it: which paths there
// are, what links lead where, and which files a path, a pattern or a kind of
// content finds, as syft's resolver of squashed images has it on stereoscope's
// trees.
package tree

import (
	"context"
	"strings"

	stereofile "github.com/anchore/stereoscope/pkg/file"

	"github.com/tidepole/tidepole/analysis/layers"
)

// Layer is one layer of an image.
type Layer struct {
	ID    string // diff ID
	Index *layers.Index
}

// Place says where an entry is: in which layer, 0 being the lowest, and at which
// ordinal.
type Place struct{ Layer, Ordinal int }

// File is a path of the final image that a layer describes.
type File struct {
	Path  string // absolute
	Layer string // diff ID of the layer that describes it
	Place Place  // of the entry that holds its content
	Entry layers.Entry
	Type  stereofile.Type
}

// Tree is the final image. It takes about 60 bytes a path beside the names and
// the layers' indexes, and some hundred for each file that was found, and is safe
// for many goroutines.
type Tree struct {
	layers []Layer
	nodes  []node
	text   []byte
	links  map[int32]Place // where a link's target is not that of its entry
	bases  map[int32]Place // where the content is in another layer than the entry
	ghosts []ghost
	odd    bool // something that is no folder has paths below it

	work   *work
	search search
	given  references
}

// node is a path. Those of one folder follow each other, sorted by name.
type node struct {
	parent, first, count int32
	name                 span
	layer, own, base     int32 // of the entry, none where it is only implied; base is the ordinal of the content
	kind                 kind
}

const none = -1

// span is a part of the text.
type span struct{ at, length uint32 }

// Overrun is why not all files could be found: the links of the image make too
// many paths, or too many files answer one question. nil: all could.
func (t *Tree) Overrun() error { return t.work.overrun() }

// kind is what a path is to those who look for paths: devices and pipes are
// files.
type kind uint8

const (
	folder kind = iota
	plain
	symlink
	hardlink // to a file that its layer does not have
)

func (k kind) isLink() bool { return k == symlink || k == hardlink }

// Files visits every path that a layer describes, sorted by path. An error ends
// it and is returned as it is.
func (t *Tree) Files(visit func(File) error) error {
	for n := range t.sorted {
		if err := visit(t.file(n)); err != nil {
			return err
		}
	}
	return nil
}

// file is the one at a node with an entry.
func (t *Tree) file(n int32) File { return t.fileOf(n, t.entry(n)) }

func (t *Tree) fileOf(n int32, e layers.Entry) File {
	return File{
		Path: e.Path, Layer: t.layers[t.nodes[n].layer].ID, Place: t.base(n),
		Entry: e, Type: stereofile.TypeFromTarType(e.Type),
	}
}

// base is where a node's content is described.
func (t *Tree) base(n int32) Place {
	if p, ok := t.bases[n]; ok {
		return p
	}
	return Place{int(t.nodes[n].layer), int(t.nodes[n].base)}
}

// entry describes a node: of a hard link that names a file of its layer, what is
// the file's own comes from that file.
func (t *Tree) entry(n int32) layers.Entry {
	return t.entryBy(n, func(layer, ordinal int) layers.Entry { return t.layers[layer].Index.Entry(ordinal) })
}

func (t *Tree) entryBy(n int32, find func(layer, ordinal int) layers.Entry) layers.Entry {
	at, base := t.nodes[n], t.base(n)
	own := find(int(at.layer), int(at.own))
	if int(at.layer) == base.Layer && int(at.own) == base.Ordinal {
		return own
	}
	e := find(base.Layer, base.Ordinal)
	e.Path, e.UID, e.GID, e.ModTime = own.Path, own.UID, own.GID, own.ModTime
	e.Mode = own.Mode&permissions | e.Mode&^permissions
	return e
}

// permissions are the bits of a mode that are not about the kind of file.
const permissions = 0o7777

// sorted goes through the nodes with an entry, sorted by path.
func (t *Tree) sorted(yield func(int32) bool) {
	// A folder's content comes after its siblings that sort before "name/".
	type level struct {
		next, end int32
		waiting   []int32
	}
	if t.described(0) && !yield(0) {
		return
	}
	open := []level{{t.nodes[0].first, t.nodes[0].first + t.nodes[0].count, nil}}
	for len(open) > 0 {
		at := &open[len(open)-1]
		if w := len(at.waiting); w > 0 && (at.next == at.end || !t.precedes(at.next, at.waiting[w-1])) {
			n := t.nodes[at.waiting[w-1]]
			at.waiting = at.waiting[:w-1]
			open = append(open, level{n.first, n.first + n.count, nil})
			continue
		}
		if at.next == at.end {
			open = open[:len(open)-1]
			continue
		}
		n := at.next
		at.next++
		if t.nodes[n].count > 0 {
			at.waiting = append(at.waiting, n)
		}
		if t.described(n) && !yield(n) {
			return
		}
	}
}

// precedes says whether a node sorts before what is below its sibling.
func (t *Tree) precedes(n, sibling int32) bool {
	name, s := t.name(n), t.name(sibling)
	return len(name) > len(s) && string(name[:len(s)]) == string(s) && name[len(s)] < '/'
}

func (t *Tree) name(n int32) []byte {
	s := t.nodes[n].name
	return t.text[s.at : s.at+s.length]
}

// path is a node's, absolute.
func (t *Tree) path(n int32) string {
	if n == 0 {
		return "/"
	}
	var room [32]int32
	chain, length := room[:0], 0
	for ; n != 0; n = t.nodes[n].parent {
		chain = append(chain, n)
		length += 1 + int(t.nodes[n].name.length)
	}
	var b strings.Builder
	b.Grow(length)
	for i := len(chain) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.Write(t.name(chain[i]))
	}
	return b.String()
}

// child is the node of that name in a node, or none.
func (t *Tree) child(n int32, name string) int32 {
	low, high := t.nodes[n].first, t.nodes[n].first+t.nodes[n].count
	for low < high {
		if mid := int32(uint32(low+high) / 2); string(t.name(mid)) < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < t.nodes[n].first+t.nodes[n].count && string(t.name(low)) == name {
		return low
	}
	return none
}

func (t *Tree) parent(n int32) int32   { return t.nodes[n].parent }
func (t *Tree) kind(n int32) kind      { return t.nodes[n].kind }
func (t *Tree) described(n int32) bool { return t.nodes[n].own != none }

// link is what a link names.
func (t *Tree) link(n int32) string {
	p, ok := t.links[n]
	if !ok {
		p = t.base(n)
	}
	return string(t.layers[p.Layer].Index.Link(p.Ordinal))
}

// Squash puts the layers of an image on top of each other, the lowest first.
// Where the tar of a layer contradicts itself (a file in place of a folder that
// has content), which stereoscope refuses, the later entry holds, as it does
// when the layer is unpacked.
func Squash(ctx context.Context, all []Layer, options ...Option) (*Tree, error) {
	b, err := build(ctx, all, options)
	if err != nil {
		return nil, err
	}
	return b.freeze(ctx)
}
