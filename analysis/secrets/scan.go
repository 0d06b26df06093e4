package secrets

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
)

// scratch is the memory of one search, reused by the next.
type scratch struct {
	raw     bytes.Buffer
	text    bytes.Buffer // what raw says, where that is encoded
	windows []windows    // by rule
	touched []int        // rules that have windows
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// maxKept is the buffer that a scratch may keep for the next search.
const maxKept = 4 << 20

// Scan searches one file. path is the file's in the image, size what its
// header claims. Matches are ordered by place. skipped is "" when the file was
// searched whole, otherwise it says what was left out and why; matches of what
// was searched may come with it. Excluded tells whether that was to be expected.
// err is a failure to read r.
//
// UTF-16 text (with its mark) and gzip are searched decoded: places in UTF-16
// text are those of the file, places in gzip are those of what it holds.
func (m *Matcher) Scan(name string, size int64, r io.Reader) (matches []bundle.Match, skipped string, err error) {
	if size > m.maxFileSize {
		return nil, m.tooLarge(), nil
	}
	name = path.Clean("/" + name)
	noise := m.isNoise(name)
	if noise && len(m.patterns) == 0 {
		return nil, knownNoise, nil
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	if _, err := s.raw.ReadFrom(io.LimitReader(r, m.maxFileSize+1)); err != nil {
		return nil, "", fmt.Errorf("search %q: %w", name, err)
	}
	if int64(s.raw.Len()) > m.maxFileSize {
		return nil, m.tooLarge(), nil
	}
	t, skipped := s.decode(m.maxFileSize)
	var found []finding
	var cut []string
	if !noise && m.automaton != nil {
		found, cut = m.searchRules(s, name, t.bytes)
	}
	for _, p := range m.patterns {
		more, all := p.searchFile(t.bytes)
		if found = append(found, more...); !all {
			cut = append(cut, p.Name)
		}
	}
	if len(cut) > 0 {
		skipped = join(skipped, "too many matches of "+strings.Join(cut, ", ")+": the rest of them is left out")
	}
	return locate(t, resolve(found)), skipped, nil
}

// knownNoise is why files in which nobody keeps secrets are skipped.
const knownNoise = "known noise"

// Excluded tells whether Scan skipped what the rules or the limit on the size of
// files exclude, packed or not, and nothing that should have been searched.
func (m *Matcher) Excluded(skipped string) bool {
	return skipped == knownNoise || skipped == m.tooLarge() || skipped == inflatesTooFar(m.maxFileSize)
}

func (m *Matcher) isNoise(name string) bool {
	return m.filters != nil && m.filters.noise != nil && m.filters.noise.MatchString(name)
}

func (m *Matcher) tooLarge() string { return fmt.Sprintf("larger than %d bytes", m.maxFileSize) }

func inflatesTooFar(limit int64) string {
	return fmt.Sprintf("inflates to more than %d bytes: the rest is left out", limit)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func (s *scratch) release() {
	for _, buf := range []*bytes.Buffer{&s.raw, &s.text} {
		if buf.Reset(); buf.Cap() > maxKept {
			*buf = bytes.Buffer{}
		}
	}
	scratches.Put(s)
}
