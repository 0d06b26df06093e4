package model

import "fmt"

// explorer has the states that were reached, by number in the order in which they
// were met, and how.
type explorer struct {
	Machine
	numbers map[State]int32
	states  []State
	from    []int32 // the state before, on a shortest way from the start
	by      []Step
	mending []edge
}

// edge is a step that mends, by the numbers of its states.
type edge struct {
	from, to int32
	worker   int8 // the one that takes it; -1 where none does
}

// add gives the number of a state.
func (e *explorer) add(s State, from int32, by Step) int32 {
	if n, ok := e.numbers[s]; ok {
		return n
	}
	n := int32(len(e.states))
	e.numbers[s] = n
	e.states, e.from, e.by = append(e.states, s), append(e.from, from), append(e.by, by)
	return n
}

func (e *explorer) path(at int32) []Step {
	var back []Step
	for ; at > 0; at = e.from[at] {
		back = append(back, e.by[at])
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

func (e *explorer) keep(from, to int32, s Step) {
	switch {
	case s.mends(-1):
		e.mending = append(e.mending, edge{from, to, -1})
	case s.mends(s.Worker):
		e.mending = append(e.mending, edge{from, to, s.Worker})
	}
}

// stuck finds a state from which one worker alone, while time goes by, does not
// come to a final state: because it can do nothing there, or because it can go
// round and round. Without such a state every way of its steps ends, and ends well.
func (e *explorer) stuck(worker int8) (int32, string) {
	in := make([][]int32, len(e.states))
	out := make([]int32, len(e.states))
	for _, g := range e.mending {
		if g.worker < 0 || g.worker == worker {
			in[g.to] = append(in[g.to], g.from)
			out[g.from]++
		}
	}
	var ends []int32
	for n, s := range e.states {
		if out[n] > 0 {
			continue
		}
		if !s.Final() {
			return int32(n), fmt.Sprintf("worker %d alone can do nothing for an image that is not done", worker)
		}
		ends = append(ends, int32(n))
	}
	// Taking away what leads nowhere, again and again, leaves what leads to a circle.
	for len(ends) > 0 {
		n := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		for _, from := range in[n] {
			if out[from]--; out[from] == 0 {
				ends = append(ends, from)
			}
		}
	}
	for n := range e.states {
		if out[n] > 0 {
			return int32(n), fmt.Sprintf("worker %d alone can go on for ever without an end", worker)
		}
	}
	return 0, ""
}
