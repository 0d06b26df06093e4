package tree

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/tidepole/tidepole/formats/fault"
)

// Names of whiteouts: entries that take away what lower layers have.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq" // all that is in its folder
)

func isWhiteout(name []byte) bool {
	return len(name) > len(whiteout) && string(name[:len(whiteout)]) == whiteout
}

// build puts the layers together.
func build(ctx context.Context, all []Layer, options []Option) (*drafts, error) {
	var text []byte
	var o choices
	for _, option := range options {
		option(&o)
	}
	w := newWork(all, o.entries)
	merged := newDrafts(all, w, &text, 0)
	var lower []*layer
	for i := range all {
		l := newLayer(all, i, w, &text)
		l.windows = o.windows
		for ordinal, path := range l.index.Paths() {
			if ordinal%4096 == 0 && ctx.Err() != nil {
				return nil, fmt.Errorf("put the layers of the image together: %w", context.Cause(ctx))
			}
			if l.full() {
				return nil, fault.New(fault.TooLarge, "put the layers of the image together: more paths than can be told apart, in layer %s", all[i].ID)
			}
			if err := l.apply(ctx, ordinal, path); err != nil {
				return nil, fmt.Errorf("put the layers of the image together: %w", err)
			}
		}
		if o.windows {
			l.adopt(lower)
			lower = append(lower, l)
		}
		if i == 0 {
			if merged = l.drafts; o.windows {
				merged = l.clone()
			}
			merged.removeWhiteouts()
			merged.gone = nil // nothing that could be found by another path
			continue
		}
		if err := merged.merge(ctx, l.drafts); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// removeWhiteouts takes the whiteouts away, which have nothing to take away in
// the lowest layer.
func (d *drafts) removeWhiteouts() {
	for n := range d.nodes {
		if !d.nodes[n].dead && isWhiteout(d.name(int32(n))) {
			d.remove(int32(n))
		}
	}
}

// merge puts a layer on top. Its entries, whiteouts too, hold at the very paths
// they have: a symbolic link of lower layers in their way is replaced. They are
// taken folder by folder, sorted by name, on which it depends whether a whiteout
// hits a path of its own layer.
func (d *drafts) merge(ctx context.Context, upper *drafts) error {
	type step struct{ from, parent int32 } // parent: of ours
	rest := []step{{0, 0}}
	var sorted []int32
	for count := 0; len(rest) > 0; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("put the layers of the image together: %w", context.Cause(ctx))
		}
		if d.full() {
			return fault.New(fault.TooLarge, "put the layers of the image together: more paths than can be told apart")
		}
		at := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		name := upper.name(at.from)
		if isWhiteout(name) {
			if string(name) != opaque {
				if err := d.takeAway(ctx, upper, at.from, at.parent); err != nil {
					return fmt.Errorf("put the layers of the image together: %w", err)
				}
			}
			continue
		}
		to := int32(0)
		if at.from != 0 {
			if d.nodes[at.parent].dead { // taken away by a whiteout beside it
				at.parent = d.makeFolder([]byte(upper.path(upper.parent(at.from))))
			}
			to = d.find(at.parent, name)
		}
		if to != none && upper.child(at.from, opaque) != none {
			d.empty(to)
		}
		if to == none {
			to = d.graft(at.parent, upper, at.from)
		} else {
			d.cover(to, upper, at.from)
		}
		sorted = upper.children(sorted[:0], at.from)
		for _, c := range slices.Backward(sorted) {
			rest = append(rest, step{c, to})
		}
	}
	return nil
}

// graft adds a node of an upper layer.
func (d *drafts) graft(parent int32, upper *drafts, from int32) int32 {
	n := d.addNamed(parent, upper.nodes[from].name)
	d.dress(n, upper, from)
	return n
}

// cover replaces a node by that of an upper layer. Only a folder on a folder
// keeps what is below, and its entry where the upper layer only implies it.
func (d *drafts) cover(n int32, upper *drafts, from int32) {
	both := d.nodes[n].kind == folder && upper.nodes[from].kind == folder
	if !both {
		d.empty(n)
	} else if upper.nodes[from].own == none {
		return
	}
	if at := d.nodes[n]; at.own != none && upper.nodes[from].own == none {
		d.gone = append(d.gone, Place{int(at.layer), int(at.own)})
	}
	d.dress(n, upper, from)
}

// dress makes a node what an upper layer has.
func (d *drafts) dress(n int32, upper *drafts, from int32) {
	at, u := &d.nodes[n], upper.nodes[from]
	at.kind, at.layer, at.own, at.base = u.kind, u.layer, u.own, u.base
	delete(d.links, n)
	delete(d.bases, n)
	if p, ok := upper.links[from]; ok {
		d.links[n] = p
	}
	if p, ok := upper.bases[from]; ok {
		d.bases[n] = p
	}
}

// takeAway removes what a whiteout names. That may be found through a link of
// its own layer, and be the folder the whiteout is in.
func (d *drafts) takeAway(ctx context.Context, upper *drafts, from, parent int32) error {
	name := string(bytes.TrimPrefix(upper.name(from), []byte(whiteout)))
	n, p := int32(none), ""
	switch {
	case d.nodes[parent].dead || name == "." || name == "..":
		p = upper.path(upper.parent(from)) + "/" + name
	default:
		if n = d.child(parent, name); n == none && (d.nodes[parent].kind != folder || d.throughLink(parent)) {
			p = d.path(parent) + "/" + name
		}
	}
	if p != "" {
		f, err := find(d, p, false)
		if err == nil {
			n = f.node
		}
		if err := d.work.spend(ctx, f.steps); err != nil {
			return err
		}
	}
	if n > 0 {
		d.remove(n)
	}
	return nil
}
