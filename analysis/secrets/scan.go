package secrets

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
)

// finding is a match on its way to a bundle.Match.
type finding struct {
	span
	rule *rule
}

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
// was searched may come with it. err is a failure to read r.
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
		return nil, "known noise", nil
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

func (m *Matcher) isNoise(name string) bool {
	return m.filters != nil && m.filters.noise != nil && m.filters.noise.MatchString(name)
}

func (m *Matcher) tooLarge() string { return fmt.Sprintf("larger than %d bytes", m.maxFileSize) }

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

// searchRules tries the rules whose keywords text has. cut names the rules of
// which there was more than the limit.
func (m *Matcher) searchRules(s *scratch, name string, text []byte) (found []finding, cut []string) {
	m.collect(s, text)
	for _, i := range s.touched {
		r := m.rules[i]
		if r.paths.admits(name) {
			more, all := m.searchWindows(r, text, s.windows[i])
			if found = append(found, more...); !all {
				cut = append(cut, r.Name)
			}
		}
		s.windows[i] = s.windows[i][:0]
	}
	s.touched = s.touched[:0]
	slices.Sort(cut)
	return found, cut
}

// collect runs the automaton and notes each rule's windows.
func (m *Matcher) collect(s *scratch, text []byte) {
	if len(s.windows) < len(m.rules) {
		s.windows = make([]windows, len(m.rules))
	}
	m.automaton.scan(text, func(end int, ended []keyword) {
		assigned, known := false, false
		for _, k := range ended {
			r := m.rules[k.rule]
			if r.Assigned {
				if !known {
					assigned, known = isAssigned(text[end:]), true
				}
				if !assigned {
					continue
				}
			}
			w := &s.windows[k.rule]
			if len(*w) == 0 {
				s.touched = append(s.touched, k.rule)
			}
			*w = w.add(span{max(0, end-k.length-r.Window.Back), min(len(text), end+r.Window.Forward)})
		}
	})
}

// searchWindows tries r on its windows; all is false when the limit cut it off.
func (m *Matcher) searchWindows(r *rule, text []byte, list windows) (found []finding, all bool) {
	tries, done := 0, 0
	for _, w := range list {
		if w.end <= done {
			continue
		}
		if !bytes.Contains(text[w.start:w.end], []byte(r.Needs)) {
			continue
		}
		matches, searched := r.find(text, w, maxTries-tries)
		for _, match := range matches {
			if !m.filters.accepts(r, text[match.part.start:match.part.end]) {
				continue
			}
			if len(found) == maxMatches {
				return found, false
			}
			found = append(found, finding{match.part, r})
		}
		if tries += len(matches); tries >= maxTries {
			return found, false
		}
		done = searched.end
	}
	return found, true
}

// match is where an expression matched, and the part of it to report.
type match struct{ whole, part span }

// find is every match in the window w, at most limit, and what was searched
// in the end. A match that reaches the window's end may be a piece of a longer
// one: the window grows until it is not, or the match is let go.
func (r *rule) find(text []byte, w span, limit int) ([]match, span) {
	for {
		kept, cut := r.whole(text, w, limit)
		wider := span{w.start, min(len(text), w.end+(w.end-w.start))}
		if !cut || wider.end-wider.start > max(maxGrowth, 2*r.Window.Forward) {
			return kept, w
		}
		w = wider
	}
}

// whole is every match in w that no edge of w cut; cut says that its end cut one.
func (r *rule) whole(text []byte, w span, limit int) (kept []match, cut bool) {
	for _, m := range r.matches(text[w.start:w.end], w.start, limit) {
		switch {
		case m.whole.end == w.end && w.end < len(text):
			cut = true
		case m.whole.start > w.start || w.start == 0:
			kept = append(kept, m)
		}
	}
	return kept, cut
}

func (r *rule) matches(text []byte, base, limit int) []match {
	var out []match
	if r.group == 0 {
		for _, at := range r.re.FindAllIndex(text, limit) {
			whole := span{base + at[0], base + at[1]}
			out = append(out, match{whole, whole})
		}
		return out
	}
	for _, at := range r.re.FindAllSubmatchIndex(text, limit) {
		m := match{whole: span{base + at[0], base + at[1]}}
		m.part = m.whole
		if g := 2 * r.group; at[g] >= 0 {
			m.part = span{base + at[g], base + at[g+1]}
		}
		out = append(out, m)
	}
	return out
}

// searchFile tries a user's pattern on the whole file.
func (r *rule) searchFile(text []byte) (found []finding, all bool) {
	for _, at := range r.re.FindAllIndex(text, maxMatches+1) {
		if at[0] == at[1] {
			continue
		}
		if len(found) == maxMatches {
			return found, false
		}
		found = append(found, finding{span{at[0], at[1]}, r})
	}
	return found, true
}
