package secrets

import (
	"fmt"
	"regexp"
	"strings"
)

// pathSet is a set of absolute paths: those that any of its parts has, in any
// case but for the expressions. Folders, endings and prefixes are there because
// they are many times as fast as expressions.
type pathSet struct {
	Under    []string `yaml:"under"`    // folders, from the root: proc
	Folders  []string `yaml:"folders"`  // anywhere: node_modules, share/doc
	Below    []string `yaml:"below"`    // anywhere but at the root: tests
	Endings  []string `yaml:"endings"`  // of the name, from its last dot: .png
	Names    []string `yaml:"names"`    // whole
	Prefixes []string `yaml:"prefixes"` // of the name
	Match    []string `yaml:"match"`    // expressions of the path

	folders  map[string][]folder // by the last part
	endings  map[string]bool
	names    map[string]bool
	match    *regexp.Regexp
	compiled bool
}

// folder is a path that ends a file's folder.
type folder struct {
	path         string // "/usr/share"
	rooted, deep bool   // only at the root; only elsewhere
}

func (s *pathSet) compile() (err error) {
	if s.compiled {
		return nil
	}
	s.folders = map[string][]folder{}
	s.add(s.Under, true, false)
	s.add(s.Folders, false, false)
	s.add(s.Below, false, true)
	s.endings, s.names = setOf(s.Endings), setOf(s.Names)
	if s.match, err = union(s.Match); err != nil {
		return fmt.Errorf("read paths: %w", err)
	}
	s.compiled = true
	return nil
}

func (s *pathSet) add(paths []string, rooted, deep bool) {
	for _, p := range paths {
		last := p[strings.LastIndexByte(p, '/')+1:]
		s.folders[last] = append(s.folders[last], folder{"/" + p, rooted, deep})
	}
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

// has says whether p is in the set.
func (s *pathSet) has(p *pathName) bool {
	if s.endings[p.ending] || s.names[p.name] || s.hasFolder(p.lower) {
		return true
	}
	for _, prefix := range s.Prefixes {
		if strings.HasPrefix(p.name, prefix) {
			return true
		}
	}
	return s.match != nil && s.match.MatchString(p.path)
}

func (s *pathSet) hasFolder(path string) bool {
	if len(s.folders) == 0 {
		return false
	}
	for start := 1; ; {
		n := strings.IndexByte(path[start:], '/')
		if n < 0 {
			return false
		}
		for _, f := range s.folders[path[start:start+n]] {
			if f.ends(path[:start+n]) {
				return true
			}
		}
		start += n + 1
	}
}

func (f folder) ends(path string) bool {
	before, found := strings.CutSuffix(path, f.path)
	return found && (before == "" || !f.rooted) && (before != "" || !f.deep)
}

// pathName is a path taken apart: an absolute one.
type pathName struct {
	path, lower  string
	name, ending string // in lower case, and without .gz
}

func newPathName(path string) pathName {
	p := pathName{path: path, lower: strings.ToLower(path)}
	p.name = strings.TrimSuffix(p.lower[strings.LastIndexByte(p.lower, '/')+1:], ".gz")
	if dot := strings.LastIndexByte(p.name, '.'); dot >= 0 {
		p.ending = p.name[dot:]
	}
	return p
}

// pathFilter is where a rule looks: the numbers of sets.
type pathFilter struct{ only, not []int }

// pathMemo is what is known of one path.
type pathMemo struct {
	name pathName
	sets []*pathSet
	has  []int8 // by set: 1 that it has the path, -1 that it has not
}

func (m *pathMemo) reset(f *filters, name pathName) {
	m.name, m.sets = name, f.sets
	m.has = append(m.has[:0], make([]int8, len(f.sets))...)
}

// admits says whether a rule looks into the file.
func (m *pathMemo) admits(f *pathFilter) bool {
	return (len(f.only) == 0 || m.any(f.only)) && !m.any(f.not)
}

func (m *pathMemo) any(sets []int) bool {
	for _, i := range sets {
		if m.has[i] == 0 {
			m.has[i] = -1
			if m.sets[i].has(&m.name) {
				m.has[i] = 1
			}
		}
		if m.has[i] > 0 {
			return true
		}
	}
	return false
}
