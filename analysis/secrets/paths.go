package secrets

import (
	"fmt"
	"regexp"
	"strings"
)

// pathSet is a set of absolute paths: those that any of its parts has. Folders
// and endings are there because they are many times as fast as expressions.
type pathSet struct {
	Under    []string `yaml:"under"`   // folders, from the root: /proc
	Folders  []string `yaml:"folders"` // anywhere: node_modules, share/doc
	Endings  []string `yaml:"endings"` // of the name, in any case, from its last dot: .png; also before .gz
	Names    []string `yaml:"names"`   // whole, in any case; also before .gz
	Match    []string `yaml:"match"`   // expressions
	endings  map[string]bool
	names    map[string]bool
	match    *regexp.Regexp
	compiled bool
}

func (s *pathSet) compile() (err error) {
	if s.compiled {
		return nil
	}
	for i, f := range s.Under {
		s.Under[i] = strings.TrimSuffix(f, "/") + "/"
	}
	for i, f := range s.Folders {
		s.Folders[i] = "/" + strings.Trim(f, "/") + "/"
	}
	s.endings, s.names = setOf(s.Endings), setOf(s.Names)
	if s.match, err = union(s.Match); err != nil {
		return fmt.Errorf("read paths: %w", err)
	}
	s.compiled = true
	return nil
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
	if s.endings[p.ending] || s.names[p.name] {
		return true
	}
	for _, f := range s.Under {
		if strings.HasPrefix(p.path, f) {
			return true
		}
	}
	for _, f := range s.Folders {
		if strings.Contains(p.path, f) {
			return true
		}
	}
	return s.match != nil && s.match.MatchString(p.path)
}

// pathName is a path taken apart.
type pathName struct{ path, name, ending string } // in lower case, and without .gz, but for path

func newPathName(path string) pathName {
	name := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	name = strings.TrimSuffix(name, ".gz")
	p := pathName{path: path, name: name}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		p.ending = name[dot:]
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

func (m *pathMemo) reset(f *filters, path string) {
	m.name, m.sets = newPathName(path), f.sets
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
