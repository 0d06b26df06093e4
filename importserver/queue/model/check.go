package model

import (
	"fmt"
	"strings"
)

// judge sees to what must hold in every state.
func (r *run) judge() {
	var holders [MaxImages]int
	for _, l := range r.s.Workers {
		if l.Holds {
			holders[l.Image]++
		}
	}
	for n, i := range r.s.Images {
		w := i.Work
		switch {
		case i.Status == Absent && w.There:
			r.fault("there is work for an image that is not there")
		case i.Status == NotAnalyzed && (!w.There || w.Token != 0):
			r.fault("an image waits for work that is not there or not free")
		case i.Status == Analyzing && (!w.There || w.Token == 0):
			r.fault("an image is analysed by nobody")
		case i.Status == Analyzed && w.There && w.Stage != Assess:
			r.fault("an analysed image waits for its analysis")
		case i.Status == Failed && w.There:
			r.fault("there is work for an image that failed")
		case w.Attempts > r.MaxAttempts || w.Attempts < 0:
			r.fault(fmt.Sprintf("attempt %d of %d", w.Attempts, r.MaxAttempts))
		case holders[n] > 1:
			r.fault("two workers hold a lease on one image")
		}
	}
}

// Found is what a check saw.
type Found struct {
	States, Steps int
	Kinds         map[Kind]int // steps by kind
	Moves         map[Move]int
	Wrong         string // "" where all is as it should be
	Path          []Step // the shortest way to it from the start
	At            State  // where that ends
}

// Check looks at every state that can be reached from the start, where there is no
// image, breadth-first. It ends at the first thing that is wrong, and otherwise
// sees to it that from every state each worker on its own brings all images to a
// final state, whatever the others are doing, and whichever of its steps it takes
// in which order. allowed is the diagram of an image's status.
func (m Machine) Check(allowed func(from, to string) bool) Found {
	e := explorer{Machine: m, numbers: map[State]int32{}}
	f := Found{Kinds: map[Kind]int{}, Moves: map[Move]int{}}
	e.add(State{}, -1, Step{})
	for at := 0; at < len(e.states); at++ {
		for _, c := range m.Changes(e.states[at]) {
			f.Steps++
			f.Kinds[c.Step.Kind]++
			for _, move := range c.Moves {
				f.Moves[move]++
				if c.Wrong == "" && !allowed(move.From.Wire(), move.To.Wire()) {
					c.Wrong = fmt.Sprintf("an image went from %q to %q", move.From.Wire(), move.To.Wire())
				}
			}
			to := e.add(c.To, int32(at), c.Step)
			if c.Wrong != "" {
				f.Wrong, f.Path, f.At, f.States = c.Wrong, append(e.path(int32(at)), c.Step), c.To, len(e.states)
				return f
			}
			e.keep(int32(at), to, c.Step)
		}
	}
	f.States = len(e.states)
	for w := range int8(m.Workers) {
		if at, what := e.stuck(w); what != "" {
			f.Wrong, f.Path, f.At = what, e.path(at), e.states[at]
			return f
		}
	}
	return f
}

// String is what was found, for people.
func (f Found) String() string {
	text := fmt.Sprintf("%d states, %d steps", f.States, f.Steps)
	if f.Wrong == "" {
		return text
	}
	lines := []string{text + ": " + f.Wrong + ", after"}
	for _, s := range f.Path {
		lines = append(lines, "  "+s.String())
	}
	return strings.Join(append(lines, "where "+f.At.String()), "\n")
}
