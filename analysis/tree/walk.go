package tree

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// walk finds all paths that match a pattern, through links too.
func (s *search) walk(ctx context.Context, glob string) ([]hit, error) {
	if !strings.HasPrefix(glob, "/") {
		glob = "/" + glob
	}
	if !doublestar.ValidatePattern(glob) {
		return nil, doublestar.ErrBadPattern
	}
	if !s.hasNames(glob) {
		return nil, nil
	}
	// Nothing fails but what ends the walk.
	matches, err := doublestar.Glob(&walker{tree: s.tree, ctx: ctx}, glob, doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, err
	}
	var all []hit
	for _, m := range matches {
		if !path.IsAbs(m) {
			m = path.Join("/", m)
		}
		f, err := find(s.tree, m, true)
		if err := s.tree.work.spend(ctx, f.steps); err != nil {
			return nil, err
		}
		if err == nil && f.node != none && s.tree.kind(f.node) != folder {
			all = append(all, hit{m, f.node})
			if err := s.tree.work.found(len(all)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// hasNames says whether there are all the names that a pattern cannot do without.
func (s *search) hasNames(glob string) bool {
	for _, part := range strings.FieldsFunc(glob, func(r rune) bool { return strings.ContainsRune("/{},", r) }) {
		if strings.Trim(part, ".") == "" {
			return true // what is before ".." may be missing
		}
	}
	certain := glob // up to what may go on beyond a slash
	if i := strings.IndexAny(glob, `[{\`); i >= 0 {
		certain = glob[:strings.LastIndexByte(glob[:i], '/')+1]
	}
	needed := map[string]bool{}
	for name := range strings.SplitSeq(certain, "/") {
		if name != "" && !isPattern(name) && !strings.ContainsRune(name, utf8.RuneError) {
			needed[name] = true
		}
	}
	for n := 0; n < len(s.tree.nodes) && len(needed) > 0; n++ {
		delete(needed, string(s.tree.name(int32(n))))
	}
	return len(needed) == 0
}

// walker shows a tree as a file system, links followed. It does not go down a
// path that comes back to where it was a second time. What it cannot follow is not
// there; it fails with ctx, and when the work is too much.
type walker struct {
	tree *Tree
	ctx  context.Context

	last    string // the folder read before, which is often asked for again
	entries []fs.DirEntry
	open    []passage // down to it, as far as there are no links
}

// passage is a folder that was read by its own path.
type passage struct {
	path string
	node int32
}

var errWalked = errors.New("the tree is only walked")

func (w *walker) Open(string) (fs.File, error) { return nil, errWalked }

// find is what a path leads to. The walk's paths have no leading slash, which
// matters to blanks that they begin with, and to names below a link, which are
// then not seen.
func (w *walker) find(name string, follow bool) (found, error) {
	if w.plain(name) {
		name = "/" + name
	}
	f, err := find(w.tree, name, follow)
	if err := w.tree.work.spend(w.ctx, f.steps); err != nil {
		return found{node: none}, err
	}
	if err != nil {
		return found{node: none}, nil
	}
	return f, nil
}

// plain says whether a path may as well begin with a slash.
func (w *walker) plain(name string) bool {
	return !w.tree.odd && !strings.HasPrefix(name, " ") && !strings.HasPrefix(name, "/")
}

func (w *walker) Stat(name string) (fs.FileInfo, error) {
	f, err := w.find(name, true)
	if err != nil {
		return nil, err
	}
	if f.node == none {
		return nil, fs.ErrNotExist
	}
	return visited{w.tree, path.Base(name), f.node}, nil
}

func (w *walker) ReadDir(name string) ([]fs.DirEntry, error) {
	if w.entries != nil && w.last == name {
		return w.entries, w.tree.work.spend(w.ctx, len(w.entries)*stepsOf(name))
	}
	n, err := w.folder(name)
	if err != nil || n == none {
		return nil, err
	}
	if err := w.tree.work.spend(w.ctx, int(w.tree.nodes[n].count)*stepsOf(name)); err != nil {
		return nil, err
	}
	entries := w.list(n)
	all := make([]fs.DirEntry, 0, len(entries))
	for i := range entries {
		at := &entries[i]
		if w.tree.odd || strings.HasPrefix(name+at.name, " ") { // the path may be another one's
			f, err := find(w.tree, path.Join(name, at.name), false)
			if err := w.tree.work.spend(w.ctx, f.steps); err != nil {
				return nil, err
			}
			if err != nil || f.node == none {
				continue
			}
			at.node = f.node
		}
		all = append(all, at)
	}
	w.last, w.entries = name, all
	return all, nil
}

// list is what is in a node, by names that share their memory.
func (w *walker) list(n int32) []visited {
	at := w.tree.nodes[n]
	if at.count == 0 {
		return nil
	}
	children := w.tree.nodes[at.first : at.first+at.count]
	start, last := children[0].name.at, children[at.count-1].name
	names := string(w.tree.text[start : last.at+last.length])
	all := make([]visited, at.count)
	for i, c := range children {
		all[i] = visited{w.tree, names[c.name.at-start:][:c.name.length], at.first + int32(i)}
	}
	return all
}

// folder is the one to read at a path: none where it comes back to where it was.
func (w *walker) folder(name string) (int32, error) {
	for w.plain(name) && len(w.open) > 0 {
		top := w.open[len(w.open)-1]
		rest, below := strings.CutPrefix(name, top.path)
		if rest, ok := strings.CutPrefix(rest, "/"); below && ok && !strings.Contains(rest, "/") {
			if c := w.tree.child(top.node, rest); c != none && w.tree.kind(c) == folder {
				w.open = append(w.open, passage{name, c})
				return c, nil
			}
			break
		}
		w.open = w.open[:len(w.open)-1]
	}
	f, err := w.find(name, true)
	if err != nil || f.node == none {
		return none, err
	}
	if own := w.tree.path(f.node); !w.tree.odd && (own == name || w.plain(name) && own == "/"+name) {
		if w.tree.kind(f.node) == folder {
			w.open = append(w.open[:0], passage{name, f.node})
		}
		return f.node, nil
	}
	if again, err := w.comesBack(name); again || err != nil {
		return none, err
	}
	return f.node, nil
}

// comesBack says whether a path has been, beside once, where it was before.
func (w *walker) comesBack(name string) (bool, error) {
	paths := prefixes(name)
	seen := map[int32]bool{}
	for _, p := range paths {
		f, err := w.find(p, true)
		if err != nil {
			return false, err
		}
		if f.node != none {
			seen[f.node] = true
		}
	}
	return len(paths)-len(seen) > 1, nil
}

// prefixes are the paths that a path goes through, and itself.
func prefixes(p string) []string {
	clean := "/" + strings.Trim(p, "/")
	all := []string{"/"}
	for i := 1; i < len(clean); i++ {
		if clean[i] == '/' {
			all = append(all, clean[:i])
		}
	}
	if p != "/" {
		all = append(all, p)
	}
	return all
}

// visited is a path as the walk sees it.
type visited struct {
	tree *Tree
	name string
	node int32
}

func (s visited) Name() string               { return s.name }
func (s visited) IsDir() bool                { return s.tree.kind(s.node) == folder }
func (s visited) Info() (fs.FileInfo, error) { return s, nil }
func (s visited) Type() fs.FileMode          { return s.Mode().Type() }
func (s visited) Size() int64                { return 0 }
func (s visited) ModTime() time.Time         { return time.Time{} }
func (s visited) Sys() any                   { return nil }

func (s visited) Mode() fs.FileMode {
	switch k := s.tree.kind(s.node); {
	case k == folder:
		return fs.ModeDir | 0o755
	case k.isLink():
		return fs.ModeSymlink | 0o755
	}
	return 0o755
}
