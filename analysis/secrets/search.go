package secrets

import (
	"bytes"
	"slices"
)

// finding is a match on its way to a bundle.Match.
type finding struct {
	span
	rule *rule
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
