package tree

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tidepole/tidepole/formats/fault"
)

// search finds paths in a tree. What it needs for that is made when it is first
// needed.
type search struct {
	tree *Tree

	namesOnce, extensionsOnce, kindsOnce sync.Once

	linking sync.Mutex
	linked  atomic.Bool // to and crossed are made

	names      names
	extensions names
	kinds      map[string][]int32 // by MIME type
	to         map[int32][]int32  // links by what they name, sorted by path
	crossed    map[int32]bool     // folders of what links pass on their way to somewhere else
}

// hit is a path that was found, and what is there.
type hit struct {
	path string
	node int32
}

func (s *search) byName() names {
	s.namesOnce.Do(func() { s.names = newNames(s.tree, s.tree.name) })
	return s.names
}

func (s *search) byExtension() names {
	s.extensionsOnce.Do(func() {
		s.extensions = newNames(s.tree, func(n int32) []byte { return extension(s.tree.name(n)) })
	})
	return s.extensions
}

func (s *search) byKind(kind string) []int32 {
	s.kindsOnce.Do(func() {
		s.kinds = map[string][]int32{}
		for n := range s.tree.nodes {
			if !s.tree.described(int32(n)) {
				continue
			}
			b := s.tree.base(int32(n))
			if k := s.tree.layers[b.Layer].Index.MIME(b.Ordinal); k != "" {
				s.kinds[k] = append(s.kinds[k], int32(n))
			}
		}
	})
	return s.kinds[kind]
}

// links makes what is known of links from where they lead to.
func (s *search) links(ctx context.Context) error {
	if s.linked.Load() {
		return nil
	}
	s.linking.Lock()
	defer s.linking.Unlock()
	if s.linked.Load() {
		return nil
	}
	to, crossed := map[int32][]int32{}, map[int32]bool{}
	for n := range s.tree.sorted {
		if !s.tree.kind(n).isLink() {
			continue
		}
		named, err := s.find(ctx, destination(s.tree, n), false)
		if err != nil {
			return err
		}
		if named.node != none {
			to[named.node] = append(to[named.node], n)
		}
		f, err := s.find(ctx, s.tree.path(n), true)
		if err != nil {
			return err
		}
		if f.node == none {
			continue
		}
		for _, m := range f.before() {
			if m != n {
				crossed[s.tree.parent(m)] = true
			}
		}
	}
	s.to, s.crossed = to, crossed
	s.linked.Store(true)
	return nil
}

// find looks a path up, and counts what that takes. Where links lead in a circle or
// too far there is nothing.
func (s *search) find(ctx context.Context, p string, follow bool) (found, error) {
	f, err := find(s.tree, p, follow)
	if err != nil {
		f.node = none
	}
	return f, s.tree.work.spend(ctx, f.steps)
}

// byPath is what is at a path, links followed.
func (s *search) byPath(p string) (hit, bool) {
	f, err := find(s.tree, p, true)
	if err != nil || f.node == none {
		return hit{}, false
	}
	return hit{normal(p), f.node}, true
}

// byMIME finds files by what they contain, each by its own path.
func (s *search) byMIME(ctx context.Context, kinds ...string) ([]hit, error) {
	var all []hit
	for kind := range unique(kinds) {
		found, err := s.matching(ctx, newPattern("**/*"), slices.Values(s.byKind(kind)))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return s.ordered(all), nil
}

// byGlob finds what a pattern matches. What is found by its name is found once,
// at its own path if that matches, else at the first one through links that
// does.
func (s *search) byGlob(ctx context.Context, glob string) ([]hit, error) {
	if err := s.affords(ctx, glob); err != nil {
		return nil, err
	}
	var all []hit
	rs := requests(glob)
	folder, ok, err := s.within(ctx, rs[0])
	if err != nil {
		return nil, err
	}
	if ok {
		found, err := s.inFolder(ctx, folder, rs)
		if err != nil {
			return nil, err
		}
		return s.ordered(found), nil
	}
	for _, r := range rs {
		found, err := s.request(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return s.ordered(all), nil
}

// affords counts what the alternatives in a pattern take.
func (s *search) affords(ctx context.Context, glob string) error {
	switch n := alternativesIn(glob); {
	case n > maxAlternatives:
		return s.tree.work.fail(fault.New(fault.TooLarge, "a pattern has more than %d alternatives: %.64q…", maxAlternatives, glob).
			WithHint("if it is none of your own, the image has names that make it so; this limit is fixed"))
	case n > 1:
		return s.tree.work.spend(ctx, n*len(s.tree.nodes)/stepBytes)
	}
	return nil
}

func (s *search) request(ctx context.Context, r request) ([]hit, error) {
	switch r.basis {
	case exactly:
		if h, ok := s.byPath(r.key); ok {
			return []hit{h}, nil
		}
		return nil, nil
	case byName:
		return s.matching(ctx, r.glob, slices.Values(s.byName().equal(r.key)))
	case byNames:
		return s.matching(ctx, r.glob, s.byName().like(r.key))
	case byExtension:
		return s.matching(ctx, r.glob, func(yield func(int32) bool) {
			for _, n := range s.byExtension().equal(string(extension([]byte("x" + r.key)))) {
				if hasExtension(s.tree.name(n), r.key) && !yield(n) {
					return
				}
			}
		})
	case inFolders:
		return s.below(ctx, r)
	}
	return s.walk(ctx, r.glob.glob)
}

// within is the folder that all a request can find is in, where it is known that
// no path through links matches.
func (s *search) within(ctx context.Context, r request) (int32, bool, error) {
	if r.basis == walked || r.basis == exactly || s.tree.odd {
		return none, false, nil
	}
	above := path.Dir(r.glob.glob)
	if isPattern(above) || strings.ContainsRune(above, utf8.RuneError) || path.Clean(r.glob.glob) != r.glob.glob {
		return none, false, nil
	}
	n := literal(s.tree, above)
	if n == none || s.tree.kind(n) != folder {
		return none, false, nil
	}
	if r.basis == inFolders && (n == 0 || !s.tree.described(n)) {
		return none, false, nil // the root has no name; else it depends on others of its name
	}
	if err := s.links(ctx); err != nil {
		return none, false, err
	}
	return n, !s.crossed[n], nil
}

// inFolder answers requests for one pattern from what is in the folder.
func (s *search) inFolder(ctx context.Context, n int32, rs []request) ([]hit, error) {
	var all []hit
	above := strings.TrimSuffix(s.tree.path(n), "/") + "/"
	for _, r := range rs {
		start, test := s.test(r)
		for c, end := s.from(n, start); c < end; c++ {
			if !strings.HasPrefix(string(s.tree.name(c)), start) {
				break
			}
			if !test(c) {
				continue
			}
			p := above + string(s.tree.name(c))
			ok, err := r.glob.match(p)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			f := found{node: c}
			if s.tree.kind(c).isLink() {
				if f, err = s.find(ctx, p, true); err != nil {
					return nil, err
				}
				if f.node == none {
					continue
				}
			}
			all = append(all, hit{p, f.node})
			if err := s.tree.work.found(len(all)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// from is the first node in a folder whose name is not before start, and the one
// after the last.
func (s *search) from(n int32, start string) (first, end int32) {
	at := s.tree.nodes[n]
	first = at.first + int32(sort.Search(int(at.count), func(i int) bool {
		return string(s.tree.name(at.first+int32(i))) >= start
	}))
	return first, at.first + at.count
}

// test says which of the nodes in its folder a request looks at, and what their
// names begin with.
func (s *search) test(r request) (start string, looksAt func(int32) bool) {
	var test func(int32) bool
	switch r.basis {
	case byName:
		start = r.key
		test = func(n int32) bool { return string(s.tree.name(n)) == r.key }
	case byNames:
		start = certain(r.key)
		match := nameMatcher(r.key)
		test = func(n int32) bool { return match(s.tree.name(n)) }
	case byExtension:
		test = func(n int32) bool { return hasExtension(s.tree.name(n), r.key) }
	default:
		return "", func(int32) bool { return true }
	}
	return start, func(n int32) bool { return s.tree.described(n) && test(n) }
}

// below finds what is in folders of a name, or that a layer put where a folder
// is found now.
func (s *search) below(ctx context.Context, r request) ([]hit, error) {
	var folders []int32
	for _, n := range s.byName().equal(r.key) {
		if s.tree.kind(n).isLink() {
			f, err := s.find(ctx, s.tree.path(n), true)
			if err != nil {
				return nil, err
			}
			if f.node == none {
				continue
			}
			n = f.node
		}
		if s.tree.kind(n) == folder {
			folders = append(folders, n)
		}
	}
	i, _ := slices.BinarySearchFunc(s.tree.ghosts, r.key, func(g ghost, name string) int { return strings.Compare(g.name, name) })
	for ; i < len(s.tree.ghosts) && s.tree.ghosts[i].name == r.key; i++ {
		folders = append(folders, s.tree.ghosts[i].folder)
	}
	slices.Sort(folders)
	var all []hit
	for _, n := range slices.Compact(folders) {
		found, err := s.matching(ctx, r.glob, func(yield func(int32) bool) {
			for c := s.tree.nodes[n].first; c < s.tree.nodes[n].first+s.tree.nodes[n].count; c++ {
				if !yield(c) {
					return
				}
			}
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// matching gives for each node the first path to it that matches.
func (s *search) matching(ctx context.Context, p pattern, nodes func(func(int32) bool)) ([]hit, error) {
	var all []hit
	count := 0
	for n := range nodes {
		if count++; count%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h, ok, err := s.first(ctx, p, n)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		all = append(all, h)
		if err := s.tree.work.found(len(all)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// first is the first path to a node that matches: its own, or one through links
// to the folders above it.
func (s *search) first(ctx context.Context, p pattern, n int32) (hit, bool, error) {
	own := s.tree.path(n)
	f := found{node: n}
	if s.tree.kind(n).isLink() {
		var err error
		f, err = find(s.tree, own, true)
		if ended := s.tree.work.spend(ctx, f.steps); ended != nil || err != nil {
			return hit{}, false, ended
		}
	}
	if f.node != none {
		if ok, err := s.matches(p, own, f); ok || err != nil {
			return hit{own, f.node}, ok, err
		}
	}
	if err := s.links(ctx); err != nil {
		return hit{}, false, err
	}
	for above := s.tree.parent(n); ; above = s.tree.parent(above) {
		if above == 0 {
			return hit{}, false, nil
		}
		if len(s.to[above]) > 0 {
			break
		}
	}
	r := reach{search: s, ctx: ctx, pattern: p, seen: map[string]bool{own: true}}
	return r.through(own, own)
}

// matches says whether a path, or that of a link passed on the way, matches.
func (s *search) matches(p pattern, own string, f found) (bool, error) {
	if len(f.before()) == 0 {
		return p.match(own)
	}
	paths := []string{own}
	for _, n := range f.before() {
		paths = append(paths, s.tree.path(n))
	}
	slices.Sort(paths)
	for _, q := range paths {
		if ok, err := p.match(q); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// reach looks for paths through links to one node.
type reach struct {
	*search
	ctx     context.Context
	pattern pattern
	seen    map[string]bool
}

// by tries the path that goes on with rest behind a link.
func (r *reach) by(link, rest string) (hit, bool, error) {
	p := link + rest
	if r.seen[p] {
		return hit{}, false, nil
	}
	r.seen[p] = true
	f, err := find(r.tree, p, true)
	if ended := r.tree.work.spend(r.ctx, f.steps); ended != nil || err != nil {
		return hit{}, false, ended
	}
	if f.node != none {
		if ok, err := r.matches(r.pattern, p, f); ok || err != nil {
			return hit{p, f.node}, ok, err
		}
	}
	return r.through(link, p)
}

// through tries the links to the folders that a path begins with, as far as the
// trunk goes.
func (r *reach) through(trunk, p string) (hit, bool, error) {
	for i := 1; i < len(trunk); i++ {
		if end := strings.IndexByte(trunk[i:], '/'); end >= 0 {
			i += end
		} else {
			i = len(trunk)
		}
		above := trunk[:i]
		if r.seen[above] {
			continue
		}
		r.seen[above] = true
		f, err := find(r.tree, above, false)
		if err := r.tree.work.spend(r.ctx, f.steps); err != nil {
			return hit{}, false, err
		}
		if err != nil {
			return hit{}, false, fmt.Errorf("look up %q: %w", above, err)
		}
		if f.node == none {
			continue
		}
		for _, link := range r.to[f.node] {
			if h, ok, err := r.by(r.tree.path(link), p[i:]); ok || err != nil {
				return h, ok, err
			}
		}
	}
	return hit{}, false, nil
}

// ordered sorts hits: first those at their own paths; each path once.
func (s *search) ordered(all []hit) []hit {
	type placed struct {
		hit
		other int
	}
	sorted := make([]placed, len(all))
	for i, h := range all {
		sorted[i] = placed{hit: h}
		if !s.tree.described(h.node) || !s.isAt(h.node, h.path) {
			sorted[i].other = 1
		}
	}
	slices.SortFunc(sorted, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.other, b.other), strings.Compare(a.path, b.path))
	})
	all = all[:0]
	for i, h := range sorted {
		if i == 0 || h.path != sorted[i-1].path {
			all = append(all, h.hit)
		}
	}
	return all
}

// isAt says whether a path is the node's own.
func (s *search) isAt(n int32, p string) bool {
	for n != 0 {
		name := s.tree.name(n)
		i := len(p) - len(name)
		if i < 1 || p[i-1] != '/' || p[i:] != string(name) {
			return false
		}
		p, n = p[:i-1], s.tree.parent(n)
	}
	return p == "" || p == "/"
}

func unique(all []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range all {
		set[s] = true
	}
	return set
}
