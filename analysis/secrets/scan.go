package secrets

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
)

// Scan searches one file. path is the file's in the image, size what its
// header claims. Matches are ordered by place. skipped is "" when the file was
// searched whole, otherwise it says what was left out and why; matches of what
// was searched may come with it. Excluded tells whether that was to be expected.
// err is a failure to read r.
//
// The file is read piece by piece: it takes 0.4 MB of memory, whatever its
// size; the user's patterns take the whole file besides. UTF-16 text and gzip are
// searched decoded: places in UTF-16 text are those of the file, places in gzip
// are those of what it holds.
func (m *Matcher) Scan(name string, size int64, r io.Reader) (matches []bundle.Match, skipped string, err error) {
	if size > m.maxFileSize {
		return nil, m.tooLarge(), nil
	}
	where := newPathName(path.Clean("/" + name))
	noise := m.filters != nil && m.filters.isNoise(&where)
	if noise && len(m.patterns) == 0 {
		return nil, knownNoise, nil
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	return m.search(s, where, noise, r)
}

func (m *Matcher) search(s *scratch, name pathName, noise bool, r io.Reader) ([]bundle.Match, string, error) {
	t := s.open(r, m.maxFileSize)
	var rules *search
	if !noise && m.index != nil {
		rules = m.begin(s, name)
	}
	found, cut := m.read(s, t, rules)
	skipped, err := t.left()
	switch {
	case err == errTooLarge:
		return nil, m.tooLarge(), nil
	case err != nil:
		return nil, "", fmt.Errorf("search %q: %w", name.path, err)
	}
	more, cutPatterns := m.searchPatterns(s.whole, t.start)
	if cut = append(cut, cutPatterns...); len(cut) > 0 {
		skipped = join(skipped, "too many matches of "+strings.Join(cut, ", ")+": the rest of them is left out")
	}
	return matchesOf(resolve(append(found, more...))), skipped, nil
}

// read reads the text to its end, searching it for the rules' secrets on the way.
func (m *Matcher) read(s *scratch, t *text, rules *search) (found []finding, cut []string) {
	for w, more := newStretch(s.buf, t.start), true; more; w.move() {
		from := len(w.text)
		more = w.fill(t)
		if len(m.patterns) > 0 {
			s.whole = append(s.whole, w.text[from:]...)
		}
		if rules != nil {
			rules.stretch(w)
		}
	}
	if rules == nil {
		return nil, nil
	}
	return rules.end()
}

// searchPatterns tries the user's patterns on the whole text. cut names those
// of which there was more than the limit.
func (m *Matcher) searchPatterns(whole []byte, start place) (found []finding, cut []string) {
	for _, p := range m.patterns {
		more, all := p.searchFile(whole)
		if found = append(found, more...); !all {
			cut = append(cut, p.Name)
		}
	}
	slices.SortFunc(found, finding.compare)
	start.locate(whole, 0, found)
	return found, cut
}

func matchesOf(found []finding) []bundle.Match {
	var matches []bundle.Match
	for _, f := range found {
		matches = append(matches, f.match)
	}
	return matches
}

// knownNoise is why files in which nobody keeps secrets are skipped.
const knownNoise = "known noise"

// Excluded tells whether Scan skipped what the rules or the limit on the size of
// files exclude, packed or not, and nothing that should have been searched.
func (m *Matcher) Excluded(skipped string) bool {
	return skipped == knownNoise || skipped == m.tooLarge() || skipped == inflatesTooFar(m.maxFileSize)
}

func (m *Matcher) tooLarge() string { return fmt.Sprintf("larger than %d bytes", m.maxFileSize) }

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// scratch is the memory of one search, reused by the next.
type scratch struct {
	buf    []byte // of a stretch
	whole  []byte // the text, for the user's patterns
	raw    counted
	text   text
	gzip   unzipper
	search search
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, bufferSize)} }}

// maxKept is the text that a scratch may keep the memory of.
const maxKept = 4 << 20

func (s *scratch) release() {
	if s.whole = s.whole[:0]; cap(s.whole) > maxKept {
		s.whole = nil
	}
	s.raw, s.text = counted{}, text{}
	scratches.Put(s)
}
