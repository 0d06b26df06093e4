// Package secrets finds secrets, and whatever else users look for, in files.
//
// Rules are data (rules/*.yaml): keywords, an expression, filters. A search
// has two stages: one pass looks for the keywords of all rules at once,
// and only where it hits is that rule's expression tried, on a window around
// the hit. What is found is told by rule and place; the value never leaves
// this package.
package secrets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// DefaultMaxFileSize is the size in bytes above which a file is not searched.
const DefaultMaxFileSize = 1 << 20

// version is part of every fingerprint: raise it when the same rules and
// options find something else than before.
const version = "2"

// Options are what a search may be told.
type Options struct {
	Extra       map[string]string // name -> expression, the user's own
	Exclude     []string          // names or aliases of embedded rules to leave out
	MaxFileSize int64             // bytes; 0 is DefaultMaxFileSize
}

// Matcher searches files, any number at the same time.
type Matcher struct {
	rules       []*rule
	patterns    []*rule // the user's: tried on the whole file
	index       *index
	filters     *filters
	maxFileSize int64
	fingerprint string
}

// New makes a Matcher of the embedded rules and the user's own. An expression
// that cannot be read, or an unknown name in Exclude, is fault.Invalid.
func New(o Options) (*Matcher, error) {
	e, err := load()
	if err != nil {
		return nil, err
	}
	rows, err := without(e.rules, o.Exclude)
	if err != nil {
		return nil, err
	}
	m := &Matcher{filters: e.filters, maxFileSize: limitOr(o.MaxFileSize)}
	for _, row := range rows {
		if _, taken := o.Extra[row.Name]; taken {
			return nil, fault.New(fault.Invalid, "secret pattern %q has the name of an embedded rule", row.Name).
				WithHint("choose another name, or exclude the embedded rule to replace it")
		}
		r, err := row.prepare(e.filters)
		if err != nil {
			return nil, err
		}
		m.rules = append(m.rules, r)
	}
	m.index = newIndex(m.rules)
	if m.patterns, err = compilePatterns(o.Extra); err != nil {
		return nil, err
	}
	m.fingerprint = fingerprint(string(e.text), names(rows), m)
	return m, nil
}

// NewPatterns makes a Matcher of the user's expressions alone, for content
// searches: no embedded rule, no filter. maxFileSize 0 is DefaultMaxFileSize.
func NewPatterns(patterns map[string]string, maxFileSize int64) (*Matcher, error) {
	compiled, err := compilePatterns(patterns)
	if err != nil {
		return nil, err
	}
	m := &Matcher{patterns: compiled, maxFileSize: limitOr(maxFileSize)}
	m.fingerprint = fingerprint("", "", m)
	return m, nil
}

// Fingerprint is a digest of everything that decides what is found: rules,
// patterns, limits. Results with another fingerprint are stale.
func (m *Matcher) Fingerprint() string { return m.fingerprint }

// MaxFileSize is the size in bytes above which a file is not searched.
func (m *Matcher) MaxFileSize() int64 { return m.maxFileSize }

func fingerprint(rules, kept string, m *Matcher) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n%d\n", version, rules, kept, m.maxFileSize)
	for _, p := range m.patterns {
		fmt.Fprintf(h, "%q=%q\n", p.Name, p.Regex)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func names(rows []Rule) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Name)
	}
	return strings.Join(list, " ")
}

// without leaves out the rules that exclude names.
func without(rows []Rule, exclude []string) ([]Rule, error) {
	left := map[string]bool{}
	for _, name := range exclude {
		left[name] = false
	}
	var kept []Rule
	for _, row := range rows {
		out := false
		for _, name := range append([]string{row.Name}, row.Aliases...) {
			if _, named := left[name]; named {
				left[name], out = true, true
			}
		}
		if !out {
			kept = append(kept, row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if !left[name] {
			return nil, fault.New(fault.Invalid, "exclude secret rule %q: there is no rule of that name", name).
				WithHint("the names are in docs/secrets.md")
		}
	}
	return kept, nil
}

func limitOr(size int64) int64 {
	if size <= 0 {
		return DefaultMaxFileSize
	}
	return size
}
