package secrets

import (
	"io"
	"path"
	"slices"

	"github.com/tidepole/tidepole/formats/bundle"
)

// StretchSize is how much of a text is searched at once.
const StretchSize = stretchSize

// Text is the expression of r, as it is compiled.
func (r Rule) Text() string { return r.text() }

// Plain searches text the plain way: every rule's expression on all of it, with
// no keywords, windows, stretches or limits.
func (m *Matcher) Plain(name string, text []byte) []bundle.Match {
	var memo pathMemo
	memo.reset(m.filters, newPathName(path.Clean("/"+name)))
	var found []finding
	for _, r := range m.rules {
		if !memo.admits(&r.paths) {
			continue
		}
		for _, match := range r.matches(text, 0, -1) {
			if m.filters.accepts(r, text[match.part.start:match.part.end]) {
				found = append(found, finding{span: match.part, rule: r})
			}
		}
	}
	found = resolve(found)
	place{line: 1}.locate(text, 0, found)
	return matchesOf(found)
}

// Handed is how many bytes a search of r gives to expressions.
func (m *Matcher) Handed(name string, r io.Reader) (int, error) {
	s := scratches.Get().(*scratch)
	defer s.release()
	_, _, err := m.search(s, newPathName(name), false, r)
	return s.search.handed, err
}

// Keywords finds the places of keywords in text, by the index.
func (m *Matcher) Keywords(text []byte) (found []string) {
	padded := append(slices.Clone(text), make([]byte, padding)...)
	m.index.scan(padded[:len(text)], 0, len(text), func(start int, k *keyword) {
		found = append(found, string(text[start:start+len(k.text)]))
	})
	return found
}

// PublishedAs is the fingerprint of a secret in filters.yaml.
func PublishedAs(secret []byte) string { return publishedAs(secret) }

// Needed is what a pattern's matches need; nil also where it is no pattern.
func Needed(expr string) [][]byte {
	_, texts, _ := compilePattern("x", expr)
	return texts
}

// HasAny tells whether a text has one of those that are needed.
var HasAny = hasAny
