package tree

import (
	"path"
	"strings"
)

// Option is a choice of Squash.
type Option func(*choices)

type choices struct {
	windows bool
	entries int
}

// MaxEntries tells how many paths the layers of an image may have together. It
// also bounds how far links are followed to find its files; 0 is the usual bound.
func MaxEntries(n int) Option { return func(c *choices) { c.entries = n } }

// Windows tells that the image is one of Windows: hard links of its layers may
// name files of lower ones, which then count as hcsshim has them when it imports
// the layers.
func Windows() Option { return func(c *choices) { c.windows = true } }

// The folders of a Windows layer in which links can name files of lower layers,
// and how long such a name may be.
const (
	windowsFiles   = "/Files/"
	windowsVMFiles = "/UtilityVM/Files/"
	maxWindowsLink = 4096
)

func inWindowsFiles(p string) bool {
	return strings.HasPrefix(p, windowsFiles) || strings.HasPrefix(p, windowsVMFiles)
}

// deferred is a hard link of a file that its layer does not have, or did not
// have before it.
type deferred struct {
	node    int32
	ordinal int
	via     int // the deferred link that it names, none: a file of a lower layer
}

// deferral says whether a hard link that names no file of its layer so far may
// name one of a lower layer.
func (l *layer) deferral(ordinal int) (via int, ok bool) {
	to := string(l.index.Link(ordinal))
	if !l.windows || to == "" {
		return none, false
	}
	n := literal(l, path.Clean("/"+to))
	if n == none {
		return none, true
	}
	via, ok = l.waiting[n]
	return via, ok
}

func (l *layer) deferLink(n int32, ordinal, via int) {
	l.waiting[n] = len(l.deferred)
	l.deferred = append(l.deferred, deferred{n, ordinal, via})
}

// adopt makes of the deferred links the files they name in the lower layers, the
// lowest first.
func (l *layer) adopt(lower []*layer) {
	if len(lower) == 0 {
		return
	}
	bound := map[int]Place{}
	for i, d := range l.deferred {
		own := string(l.index.Path(d.ordinal))
		var base Place
		var ok bool
		switch {
		case !inWindowsFiles(own):
		case d.via != none:
			base, ok = bound[d.via]
		default:
			base, ok = l.lowerFile(string(l.index.Link(d.ordinal)), lower)
		}
		n := d.node
		if at := l.nodes[n]; !ok || at.dead || int(at.own) != d.ordinal || at.alive > 0 || l.throughLink(n) {
			continue
		}
		bound[i] = base
		l.nodes[n].kind = kindOf(l.layers[base.Layer].Index.Type(base.Ordinal))
		l.bases[n] = base
		delete(l.links, n)
	}
}

// lowerFile is the file that a link names in the layers below: that of the
// nearest which has the path, whatever whiteouts say, as Windows compares names.
// For the files of the utility VM, which hcsshim puts together first, a whiteout
// ends the search. Where hcsshim would refuse the link, or it is not sure which
// file it gets, there is none.
func (l *layer) lowerFile(name string, lower []*layer) (Place, bool) {
	if name = path.Clean(name); !inWindowsFiles("/"+name) || strings.Contains(name, `\`) || len(name) > maxWindowsLink {
		return Place{}, false
	}
	vm := strings.HasPrefix("/"+name, windowsVMFiles)
	if vm {
		if _, end := l.fold().find(name, true); end {
			return Place{}, false // the layer's own may come before the link, or after
		}
	}
	for i := len(lower) - 1; i >= 0; i-- {
		n, end := lower[i].fold().find(name, vm)
		if !end {
			continue
		}
		from := lower[i]
		if n == none || !from.described(n) || from.nodes[n].kind == folder || from.nodes[n].kind == hardlink || from.path(n) != "/"+name {
			return Place{}, false
		}
		return from.base(n), true
	}
	return Place{}, false
}

// folded is the paths of a layer by their names in capitals.
type folded struct {
	of    *layer
	names map[foldedName]foldedNode
}

type foldedName struct {
	folder   int // an id; the root is 0
	name     string
	whiteout bool // of the name
}

type foldedNode struct {
	node int32 // none where there are several
	id   int
}

func (l *layer) fold() *folded {
	if l.folded != nil {
		return l.folded
	}
	f := &folded{l, map[foldedName]foldedNode{}}
	ids := make([]int, len(l.nodes))
	for n := 1; n < len(l.nodes); n++ { // folders come before what is in them
		at := l.nodes[n]
		if at.dead {
			continue
		}
		k := foldedName{folder: ids[at.parent], name: strings.ToUpper(string(l.name(int32(n))))}
		known, again := f.names[k]
		if ids[n] = known.id; !again {
			ids[n] = len(f.names) + 1
			f.names[k] = foldedNode{int32(n), ids[n]}
		} else {
			f.names[k] = foldedNode{none, known.id}
		}
		if name, ok := strings.CutPrefix(k.name, strings.ToUpper(whiteout)); ok {
			f.names[foldedName{k.folder, name, true}] = foldedNode{}
		}
	}
	l.folded = f
	return f
}

// find looks for a path. It ends with a node, with none where there cannot be one
// in any layer further down, or goes on there.
func (f *folded) find(p string, whiteouts bool) (n int32, end bool) {
	id := 0
	for rest, more := strings.ToUpper(p), true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if _, ok := f.names[foldedName{id, name, true}]; ok && whiteouts {
			return none, true
		}
		at, ok := f.names[foldedName{id, name, false}]
		if !ok {
			return none, false
		}
		if at.node == none || more && f.of.nodes[at.node].kind != folder {
			return none, true
		}
		n, id = at.node, at.id
	}
	return n, true
}
