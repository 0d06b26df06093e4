package tree

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// space is something paths can be looked up in.
type space interface {
	child(n int32, name string) int32 // or none
	parent(n int32) int32             // the root is its own
	kind(n int32) kind
	path(n int32) string
	link(n int32) string // what a link names
}

// mostLinks bounds the steps of one lookup.
const mostLinks = 100

// errEndless is what following links in a circle, or too many, comes to.
var errEndless = errors.New("links lead in a circle or too far")

// found is what a lookup came to.
type found struct {
	node   int32   // or none
	passed []int32 // the links on the way, and the node at last
	steps  int     // that it took, even where it failed
}

// before are the nodes passed before the one that was found.
func (f found) before() []int32 {
	if len(f.passed) == 0 {
		return nil
	}
	return f.passed[:len(f.passed)-1]
}

// lookup follows links.
type lookup struct {
	in    space
	left  int
	steps int      // so far
	open  []string // targets that are being looked up
}

// find looks up a path through links. Whether a link at its end is followed is
// the caller's choice: where it leads nowhere, there is nothing.
func find(in space, p string, follow bool) (found, error) {
	p = normal(p)
	if n := literal(in, p); n != none && !(follow && in.kind(n).isLink()) {
		return found{node: n, steps: stepsOf(p)}, nil
	}
	l := lookup{in: in, left: mostLinks}
	f, err := l.resolve(p)
	if err == nil && f.node != none && follow {
		f, err = l.follow(f)
	}
	f.steps = l.steps
	return f, err
}

// resolve finds what is at a path, following the links above its last name. It
// need not be clean: what ".." means depends on what was there before it.
func (l *lookup) resolve(p string) (found, error) {
	l.steps += stepsOf(p)
	if n := literal(l.in, normal(p)); n != none {
		return found{node: n}, nil
	}
	var f found
	at := int32(0)
	for rest, more := p, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if name == "" {
			continue
		}
		at = enter(l.in, at, name)
		f = found{node: at}
		if at == none {
			return f, nil
		}
		if !more || !l.in.kind(at).isLink() {
			continue
		}
		var err error
		if f, err = l.follow(f); err != nil {
			return f, err
		}
		if f.node != none {
			at = f.node
		}
	}
	return f, nil
}

// enter goes from a node to what a name in it means.
func enter(in space, n int32, name string) int32 {
	switch name {
	case ".":
		return n
	case "..":
		return in.parent(n)
	}
	return in.child(n, name)
}

// follow goes on from a link until there is none.
func (l *lookup) follow(f found) (found, error) {
	var passed []int32
	for {
		if l.left--; l.left < 1 {
			return found{node: none}, errEndless
		}
		circle := slices.Contains(passed, f.node)
		passed = append(passed, f.node)
		if f.node == none {
			break
		}
		if circle {
			return found{node: none}, errEndless
		}
		if !l.in.kind(f.node).isLink() {
			break
		}
		to := destination(l.in, f.node)
		if slices.Contains(l.open, to) {
			return found{node: none}, errEndless
		}
		l.open = append(l.open, to)
		var err error
		if f, err = l.resolve(to); err != nil {
			return found{node: none}, err
		}
		l.open = l.open[:len(l.open)-1]
	}
	f.passed = append(f.passed, passed...)
	return f, nil
}

// destination is the absolute path a link names. That of a symbolic link with an
// absolute target may be unclean.
func destination(in space, n int32) string {
	to := in.link(n)
	switch {
	case in.kind(n) == hardlink:
		return path.Clean("/" + to)
	case strings.HasPrefix(to, "/"):
		return to
	}
	return path.Join(in.path(in.parent(n)), to)
}

// literal is the node at exactly that normal path, or none.
func literal(in space, p string) int32 {
	if !strings.HasPrefix(p, "/") {
		return none
	}
	n := int32(0)
	for rest := p[1:]; rest != "" && n != none; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n = in.child(n, name)
	}
	return n
}

// normal is a path without leading blanks, trailing slashes, "." and "..". A
// path of nothing but blanks keeps them.
func normal(p string) string {
	if strings.Trim(p, " ") != "" {
		p = strings.TrimLeft(p, " ")
	}
	if p = strings.TrimRight(p, "/"); p == "" {
		return "/"
	}
	return path.Clean(p)
}
