package secrets

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

// finding is a secret: where it is in the text, and in the file.
type finding struct {
	span
	rule  *rule
	match bundle.Match
}

// compare orders findings by place.
func (f finding) compare(o finding) int {
	return cmp.Or(cmp.Compare(f.start, o.start), cmp.Compare(o.end, f.end), strings.Compare(f.rule.Name, o.rule.Name))
}

// search is that of one file for what the rules look for.
type search struct {
	m       *Matcher
	paths   pathMemo
	states  []state // by rule
	touched []int   // rules that have windows in this stretch
	used    []int   // rules that have a state
	found   []finding
	handed  int // bytes given to expressions
}

// state is what a search knows of one rule.
type state struct {
	used, admitted bool
	windows        windows
	tries, kept    int
	reach          int // where the last finding ends in the text
	cut            bool
}

// begin begins the search of a file; end frees what it used.
func (m *Matcher) begin(s *scratch, name pathName) *search {
	f := &s.search
	f.m, f.handed = m, 0
	f.paths.reset(m.filters, name)
	if len(f.states) < len(m.rules) {
		f.states = make([]state, len(m.rules))
	}
	return f
}

// end is all that was found. cut names the rules of which there was more than
// the limit.
func (f *search) end() (found []finding, cut []string) {
	for _, i := range f.used {
		if s := &f.states[i]; s.cut {
			cut = append(cut, f.m.rules[i].Name)
		}
		f.states[i] = state{windows: f.states[i].windows[:0]}
	}
	slices.Sort(cut)
	found, f.found, f.used = f.found, nil, f.used[:0]
	return found, cut
}

// stretch tries the rules whose keywords begin in s.
func (f *search) stretch(s *stretch) {
	f.m.index.scan(s.text, s.from, s.to, func(start int, k *keyword) { f.note(s, start, k) })
	first := len(f.found)
	for _, i := range f.touched {
		state := &f.states[i]
		f.searchWindows(s, f.m.rules[i], state)
		state.windows = state.windows[:0]
	}
	f.touched = f.touched[:0]
	slices.SortFunc(f.found[first:], finding.compare)
	s.place.locate(s.text, s.base, f.found[first:])
}

// note adds the windows of a keyword that was found.
func (f *search) note(s *stretch, start int, k *keyword) {
	end := start + len(k.text)
	var value []byte
	var signed, given, known bool
	for _, i := range k.rules {
		r, state := f.m.rules[i], f.state(i)
		if !state.admitted || state.cut {
			continue
		}
		if r.Assigned {
			if !known {
				value, signed, given = assigned(s.text[end:])
				known = true
			}
			if !given || !r.isGiven(value, signed) {
				continue
			}
		}
		if len(state.windows) == 0 {
			f.touched = append(f.touched, i)
		}
		state.windows = state.windows.add(span{max(0, start-r.Window.Back), min(len(s.text), end+r.Window.Forward)})
	}
}

// isGiven says whether what is assigned to a name may be the rule's secret.
func (r *rule) isGiven(value []byte, signed bool) bool {
	if r.Value == "" {
		return signed
	}
	return mayBe(value, r.least)
}

// state is that of rule i, which looks into the file or does not.
func (f *search) state(i int) *state {
	s := &f.states[i]
	if !s.used {
		s.used, s.admitted = true, f.paths.admits(&f.m.rules[i].paths)
		f.used = append(f.used, i)
	}
	return s
}

// searchWindows tries r on its windows in s.
func (f *search) searchWindows(s *stretch, r *rule, state *state) {
	w := walk{f: f, s: s, r: r, state: state, growth: maxGrowing}
	for i, window := range state.windows {
		if window.start = max(window.start, w.done-1); window.end <= w.done {
			continue
		}
		last := w.growth <= 0
		if last { // the rest at once
			window.end = max(window.end, state.windows[len(state.windows)-1].end)
		}
		if bytes.Contains(s.text[window.start:window.end], r.needs) {
			w.window(window)
		}
		if last || state.cut {
			return
		}
		w.done = max(w.done, state.windows[i].end)
	}
}

// walk is one rule's way through the windows of a stretch.
type walk struct {
	f      *search
	s      *stretch
	r      *rule
	state  *state
	growth int // bytes by which windows may still grow
	done   int // nothing that begins before is to be looked for
}

// window tries the expression on one window. A match that reaches the window's
// end may be a piece of a longer one: from there on the window grows until it
// is not, or the match is let go.
func (w *walk) window(at span) {
	cut := w.try(at, at.start)
	for cut >= 0 && !w.state.cut {
		end := min(len(w.s.text), max(2*at.end-cut, cut+2*w.r.Window.Forward))
		if end <= at.end || end-cut > maxGrowth || w.growth <= 0 {
			return
		}
		w.growth -= end - cut
		at = span{max(at.start, cut-1), end}
		if cut = w.try(at, cut); cut < 0 {
			w.done = end
		}
	}
}

// try keeps the matches in a window that begin at from or later, and that no
// edge of it cut off. cut is where one begins that its end did; -1 is none.
func (w *walk) try(at span, from int) (cut int) {
	w.f.handed += at.end - at.start
	text, cut := w.s.text[at.start:at.end], -1
	re, _ := w.r.expression()
	found := re.FindAllIndex(text, maxTries-w.state.tries)
	if w.state.tries += len(found); w.state.tries >= maxTries {
		w.state.cut = true
	}
	n := len(found)
	if n > 0 && found[n-1][1] == len(text) && (at.end < len(w.s.text) || !w.s.whole) {
		n--
		cut = at.start + found[n][0]
	}
	for _, m := range w.r.matches(text, at.start, n) {
		if m.whole.start > at.start && m.whole.start >= from || at.start == 0 {
			w.keep(m.part)
		}
	}
	return cut
}

// keep adds a finding, unless the stretch before had it too.
func (w *walk) keep(part span) {
	found := span{part.start + w.s.base, part.end + w.s.base}
	if found.start < w.state.reach || !w.f.m.filters.accepts(w.r, w.s.text[part.start:part.end]) {
		return
	}
	if w.state.kept == maxMatches {
		w.state.cut = true
		return
	}
	w.state.kept++
	w.state.reach = found.end
	w.f.found = append(w.f.found, finding{span: found, rule: w.r})
}

// match is where an expression matched, and the part of it to report.
type match struct{ whole, part span }

// matches are the first matches in text, at most limit; text begins at base.
// To tell a group's place takes several times as long as to tell the match's,
// and longer the longer that is: ask only for what is needed.
func (r *rule) matches(text []byte, base, limit int) []match {
	if limit == 0 {
		return nil
	}
	re, group := r.expression()
	var out []match
	for _, at := range re.FindAllSubmatchIndex(text, limit) {
		m := match{whole: span{base + at[0], base + at[1]}}
		m.part = m.whole
		if g := 2 * group; at[g] >= 0 {
			m.part = span{base + at[g], base + at[g+1]}
		}
		out = append(out, m)
	}
	return out
}

// searchFile tries a user's pattern on the whole file.
func (r *rule) searchFile(text []byte) (found []finding, all bool) {
	if !hasAny(text, r.anyOf) {
		return nil, true
	}
	re, _ := r.expression()
	for _, at := range re.FindAllIndex(text, maxMatches+1) {
		if at[0] == at[1] {
			continue
		}
		if len(found) == maxMatches {
			return found, false
		}
		found = append(found, finding{span: span{at[0], at[1]}, rule: r})
	}
	return found, true
}
