package tree

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// walk finds all paths that match a pattern, through links too.
func (s *search) walk(ctx context.Context, glob string) ([]hit, error) {
	if !strings.HasPrefix(glob, "/") {
		glob = "/" + glob
	}
	matches, err := doublestar.Glob(walker{s.tree, ctx}, glob)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var all []hit
	for _, m := range matches {
		if !path.IsAbs(m) {
			m = path.Join("/", m)
		}
		if f, err := find(s.tree, m, true); err == nil && f.node != none && s.tree.kind(f.node) != folder {
			all = append(all, hit{m, f.node})
		}
	}
	return all, nil
}

// walker shows a tree as a file system, links followed. It does not go down a
// path that comes back to where it was a second time.
type walker struct {
	tree *Tree
	ctx  context.Context
}

var errWalked = errors.New("the tree is only walked")

func (w walker) Open(string) (fs.File, error) { return nil, errWalked }

func (w walker) Stat(name string) (fs.FileInfo, error) {
	f, err := find(w.tree, name, true)
	if err != nil {
		return nil, err
	}
	if f.node == none {
		return nil, fs.ErrNotExist
	}
	return visited{w.tree, path.Base(name), f.node}, nil
}

func (w walker) ReadDir(name string) ([]fs.DirEntry, error) {
	if w.ctx.Err() != nil {
		return nil, context.Cause(w.ctx)
	}
	f, err := find(w.tree, name, true)
	if err != nil || f.node == none {
		return nil, err
	}
	if again, err := w.comesBack(name, f); again || err != nil {
		return nil, err
	}
	n := w.tree.nodes[f.node]
	all := make([]fs.DirEntry, 0, n.count)
	for c := n.first; c < n.first+n.count; c++ {
		at := c
		base := string(w.tree.name(c))
		if w.tree.odd || !path.IsAbs(name) { // the path may be another one's
			f, err := find(w.tree, path.Join(name, base), false)
			if err != nil || f.node == none {
				continue
			}
			at = f.node
		}
		all = append(all, visited{w.tree, base, at})
	}
	return all, nil
}

// comesBack says whether a path has been, beside once, where it was before.
func (w walker) comesBack(name string, f found) (bool, error) {
	if len(f.passed) == 0 && strings.HasPrefix(name, "/") && !w.tree.odd {
		if s := w.tree.path(f.node); s == name {
			return false, nil
		}
	}
	paths := prefixes(name)
	seen := map[int32]bool{}
	for _, p := range paths {
		f, err := find(w.tree, p, true)
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
