package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"path"

	"github.com/tidepole/tidepole/analysis/layers"
)

// layer applies the entries of one layer to drafts of it alone, in the order of
// its tar.
type layer struct {
	*drafts
	number int
	index  *layers.Index

	last       []byte // the folder of the entry before
	lastFolder int32

	windows  bool
	deferred []deferred
	waiting  map[int32]int // by node: its position among the deferred
	folded   *folded
}

func newLayer(all []Layer, number int, w *work, text *[]byte) *layer {
	x := all[number].Index
	return &layer{drafts: newDrafts(all, w, text, x.Len()), number: number, index: x, waiting: map[int32]int{}}
}

// apply takes in the entry with that ordinal. An earlier one at its path goes,
// even for a hard link that names it, unless both are folders.
func (l *layer) apply(ctx context.Context, ordinal int, p []byte) error {
	of := kindOf(l.index.Type(ordinal))
	parent, name := l.above(p)
	n := int32(0)
	if len(p) > 1 {
		if n = none; parent != none {
			n = l.find(parent, name)
		}
		if n != none && !(of == folder && l.nodes[n].kind == folder) && l.nodes[n].alive == 0 && !l.throughLink(n) {
			l.forget(n)
			n = none
		}
	}
	base, adopted := ordinal, false
	via, wait := none, false
	if of == hardlink {
		target, err := l.target(ctx, ordinal)
		if err != nil {
			return err
		}
		if target != none {
			base, adopted = int(l.nodes[target].base), true
			of = kindOf(l.index.Type(base))
		} else {
			via, wait = l.deferral(ordinal)
		}
	}
	if n == none {
		if parent == none {
			parent = l.makeFolder(l.last)
			l.lastFolder = parent
		}
		n = l.add(parent, name)
		l.nodes[n].kind = of
	} else if l.nodes[n].kind != of {
		if adopted && l.nodes[n].kind == hardlink {
			of, base = hardlink, ordinal // what is below it stays below a link
		}
		l.replace(n, of)
	}
	l.describe(n, ordinal, base)
	if wait {
		l.deferLink(n, ordinal, via)
	}
	return nil
}

// above is the node of an entry's folder, none where there is no such path yet,
// and the entry's name.
func (l *layer) above(p []byte) (parent int32, name []byte) {
	i := bytes.LastIndexByte(p, '/')
	name = p[i+1:]
	if i == 0 {
		i = 1
	}
	if l.last == nil || l.lastFolder == none || !bytes.Equal(l.last, p[:i]) {
		l.last = append(l.last[:0], p[:i]...)
		l.lastFolder = l.folder(l.last)
	}
	return l.lastFolder, name
}

// forget removes a node, and what is remembered of the folder before with it.
func (l *layer) forget(n int32) {
	delete(l.waiting, n)
	l.remove(n)
	l.last = nil
}

// replace makes a node something else. A folder's content goes with the folder.
func (l *layer) replace(n int32, of kind) {
	if n == 0 || l.nodes[n].kind == of {
		return
	}
	if l.nodes[n].kind == folder {
		l.empty(n)
		l.last = nil
	}
	l.nodes[n].kind, l.nodes[n].own = of, none
	delete(l.links, n)
}

// describe gives a node its entry. A link that stays where it is keeps its
// target.
func (l *layer) describe(n int32, own, base int) {
	at := &l.nodes[n]
	if n == 0 && kindOf(l.index.Type(base)) != folder {
		return // the root is a folder
	}
	if at.own != none && at.kind.isLink() {
		if _, ok := l.links[n]; !ok {
			l.links[n] = Place{l.number, int(at.base)}
		}
	}
	at.layer, at.own, at.base = int32(l.number), int32(own), int32(base)
}

// target is the file of this layer that a hard link names, none where there is
// none so far: it is that file under a second name.
func (l *layer) target(ctx context.Context, ordinal int) (int32, error) {
	to := string(l.index.Link(ordinal))
	if to == "" {
		return none, nil
	}
	f, err := find(l, path.Clean("/"+to), false)
	if err := l.work.spend(ctx, f.steps); err != nil {
		return none, err
	}
	if err != nil || f.node == none || !l.described(f.node) {
		return none, nil
	}
	if k := l.nodes[f.node].kind; k == folder || k == hardlink {
		return none, nil
	}
	return f.node, nil
}

// kindOf is what a header with that type flag makes.
func kindOf(flag byte) kind {
	switch flag {
	case tar.TypeLink:
		return hardlink
	case tar.TypeSymlink:
		return symlink
	case tar.TypeDir:
		return folder
	}
	return plain
}
