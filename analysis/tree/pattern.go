package tree

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// pattern is what paths are matched against.
type pattern struct {
	glob  string
	sound bool
}

func newPattern(glob string) pattern {
	return pattern{glob, doublestar.ValidatePattern(glob)}
}

func (p pattern) match(path string) (bool, error) {
	if p.sound {
		return doublestar.MatchUnvalidated(p.glob, path), nil
	}
	return doublestar.Match(p.glob, path)
}

// basis is what narrows down the paths a pattern may match.
type basis int

const (
	walked      basis = iota // nothing: all paths, through links too
	exactly                  // it is a path
	byName                   // the last name
	byNames                  // a pattern of the last name
	byExtension              // the end of the last name, from a dot
	inFolders                // the last name but one: all in folders of that name
)

// request is a part of a search: paths found by key that match glob.
type request struct {
	basis basis
	key   string
	glob  pattern
}

// requests are what a search for a glob comes to.
func requests(glob string) []request {
	if strings.Contains(glob, `\`) && isPattern(glob) {
		return []request{{basis: walked, glob: newPattern(glob)}}
	}
	glob = tidy(glob)
	whole := newPattern(glob)
	if !isPattern(glob) {
		return []request{{exactly, glob, whole}}
	}
	above, last := "", glob
	if i := strings.LastIndexByte(glob, '/'); i >= 0 {
		above, last = glob[:i], glob[i+1:]
	}
	if last == "*" {
		if name := above[strings.LastIndexByte(above, '/')+1:]; !isPattern(name) {
			return []request{{inFolders, name, whole}}
		}
	}
	if strings.ContainsAny(last, "[]{}") {
		return alternatives(last, whole)
	}
	r := request{ofName(last), last, whole}
	if r.basis == byExtension {
		r.key = last[len("*"):]
	}
	return []request{r}
}

// ofName is how to look for a last name without classes and alternatives.
func ofName(last string) basis {
	switch rest, dotted := strings.CutPrefix(last, "*."); {
	case dotted && !strings.ContainsAny(rest, "*?"):
		return byExtension
	case !strings.ContainsAny(last, "*?"):
		return byName
	case strings.Trim(last, "*?") == "":
		return walked
	}
	return byNames
}

// alternatives are the requests for a last name with classes or alternatives. A
// plain list of names is one request for each.
func alternatives(last string, whole pattern) []request {
	classes := strings.Count(last, "[")
	if strings.Count(last, "{") != strings.Count(last, "}") || classes != strings.Count(last, "]") || !doublestar.ValidatePattern(last) {
		return []request{{basis: walked, glob: whole}}
	}
	opens := strings.HasPrefix(last, "{") && strings.Count(last, "{") == 1
	if classes == 0 && opens && strings.IndexByte(last, '}') == len(last)-1 && strings.Contains(last, ",") {
		var all []request
		for _, name := range strings.Split(last[1:len(last)-1], ",") {
			r := request{byName, name, whole}
			if strings.ContainsAny(name, "*?") {
				r.basis = byNames
			}
			all = append(all, r)
		}
		return all
	}
	return []request{{byNames, last, whole}}
}

func isPattern(s string) bool { return strings.ContainsAny(s, "*?[]{}") }

// tidy makes a glob absolute and removes what is redundant in it: blanks around
// it, slashes that follow each other, "**" that follow each other, and stars
// beside "**" or beside another one within a name. A leading "/**/" is "**/".
func tidy(glob string) string {
	glob = string([]rune(strings.TrimSpace(glob)))
	var names []string
	for _, name := range strings.Split(glob, "/") {
		if name == "" {
			continue
		}
		if name = singleStars(name); name == "**" && len(names) > 0 && names[len(names)-1] == "**" {
			continue
		}
		names = append(names, name)
	}
	tidied := strings.Join(names, "/")
	if len(names) > 0 && names[0] == "**" {
		return tidied
	}
	return "/" + tidied
}

// singleStars leaves of each run of stars one, or two where there is nothing
// else.
func singleStars(name string) string {
	if strings.Trim(name, "*") == "" {
		return name[:min(len(name), 2)]
	}
	for strings.Contains(name, "**") {
		name = strings.ReplaceAll(name, "**", "*")
	}
	return name
}

// maxAlternatives bounds the texts that a pattern stands for with its braces. Each
// may be compared with each path; and catalogers make patterns of what stands in the
// image, as of the names of packages and libraries.
const maxAlternatives = 1000

// alternativesIn is how many texts a pattern stands for, or more than
// maxAlternatives.
func alternativesIn(glob string) int {
	type group struct{ before, sum int }
	var open []group
	count := 1
	end := func() {
		g := open[len(open)-1]
		open = open[:len(open)-1]
		count = min(g.before*(g.sum+count), maxAlternatives+1)
	}
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '\\':
			i++
		case c == '{':
			open = append(open, group{count, 0})
			count = 1
		case c == ',' && len(open) > 0:
			g := &open[len(open)-1]
			g.sum, count = min(g.sum+count, maxAlternatives+1), 1
		case c == '}' && len(open) > 0:
			end()
		}
	}
	for len(open) > 0 {
		end()
	}
	return count
}
