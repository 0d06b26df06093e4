package tree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// names is the nodes with an entry in the order of a part of their names.
type names struct {
	nodes []int32
	of    func(int32) []byte
}

// newNames sorts the nodes by what of makes of them; without a part they are
// left out.
func newNames(t *Tree, of func(int32) []byte) names {
	type keyed struct {
		key  uint64 // the first bytes
		node int32
	}
	var all []keyed
	for n := int32(1); int(n) < len(t.nodes); n++ {
		if !t.described(n) {
			continue
		}
		if part := of(n); len(part) > 0 {
			var first [8]byte
			copy(first[:], part)
			all = append(all, keyed{binary.BigEndian.Uint64(first[:]), n})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return bytes.Compare(of(a.node), of(b.node))
	})
	x := names{make([]int32, len(all)), of}
	for i, k := range all {
		x.nodes[i] = k.node
	}
	return x
}

// equal are the nodes of that part.
func (x names) equal(part string) []int32 {
	from := sort.Search(len(x.nodes), func(i int) bool { return string(x.of(x.nodes[i])) >= part })
	to := from + sort.Search(len(x.nodes)-from, func(i int) bool { return string(x.of(x.nodes[from+i])) > part })
	return x.nodes[from:to]
}

// like are the nodes whose part matches a sound pattern of a name.
func (x names) like(glob string) iter.Seq[int32] {
	match := nameMatcher(glob)
	start := certain(glob)
	from := sort.Search(len(x.nodes), func(i int) bool { return string(x.of(x.nodes[i])) >= start })
	return func(yield func(int32) bool) {
		for _, n := range x.nodes[from:] {
			part := x.of(n)
			if !bytes.HasPrefix(part, []byte(start)) {
				return
			}
			if match(part) && !yield(n) {
				return
			}
		}
	}
}

// certain is what all that a pattern matches begins with. U+FFFD matches what is
// no UTF-8, too.
func certain(glob string) string {
	if i := strings.IndexAny(glob, `*?[{\`+"\uFFFD"); i >= 0 {
		return glob[:i]
	}
	return glob
}

// nameMatcher matches names as doublestar does, faster where there is nothing
// but ASCII and stars.
func nameMatcher(glob string) func([]byte) bool {
	if strings.ContainsAny(glob, `?[]{}\`) || strings.ContainsFunc(glob, func(r rune) bool { return r >= 0x80 }) {
		return func(name []byte) bool { return doublestar.MatchUnvalidated(glob, string(name)) }
	}
	var parts [][]byte
	for part := range strings.SplitSeq(glob, "*") {
		parts = append(parts, []byte(part))
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return func(name []byte) bool { return bytes.Equal(name, first) }
	}
	parts = parts[1 : len(parts)-1]
	return func(name []byte) bool {
		if len(name) < len(first)+len(last) || !bytes.HasPrefix(name, first) || !bytes.HasSuffix(name, last) {
			return false
		}
		name = name[len(first) : len(name)-len(last)]
		for _, part := range parts {
			i := bytes.Index(name, part)
			if i < 0 {
				return false
			}
			name = name[i+len(part):]
		}
		return true
	}
}

// extended is the part of a name in which extensions are looked for: without the
// dots it begins with, and blanks at its end. A name that ends with a dot has
// none.
func extended(name []byte) []byte {
	if name = bytes.TrimRightFunc(name, unicode.IsSpace); bytes.HasSuffix(name, []byte(".")) {
		return nil
	}
	return bytes.TrimLeft(name, ".")
}

// extension is the last extension of a name, with its dot.
func extension(name []byte) []byte {
	name = extended(name)
	if i := bytes.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return nil
}

// hasExtension says whether one of a name's extensions is that, which begins
// with a dot.
func hasExtension(name []byte, wanted string) bool {
	return bytes.HasSuffix(extended(name), []byte(wanted))
}
