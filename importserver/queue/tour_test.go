package queue_test

import (
	"slices"

	"github.com/tidepole/tidepole/importserver/queue/model"
)

// tour leads through every step of a machine at least once.
type tour struct {
	left  map[model.State][]model.Change // the steps not taken yet
	steps int
	all   map[model.State][]model.Change
	way   []model.Change // to where there is something left
}

func newTour(m model.Machine) *tour {
	t := &tour{left: map[model.State][]model.Change{}, all: map[model.State][]model.Change{}}
	for ahead := []model.State{{}}; len(ahead) > 0; ahead = ahead[1:] {
		s := ahead[0]
		if _, met := t.all[s]; met {
			continue
		}
		t.all[s] = m.Changes(s)
		t.left[s] = slices.Clone(t.all[s])
		t.steps += len(t.all[s])
		for _, c := range t.all[s] {
			ahead = append(ahead, c.To)
		}
	}
	return t
}

// next is the step to take in a state; nil where all were taken.
func (t *tour) next(s model.State) *model.Change {
	if len(t.way) == 0 {
		if left := t.left[s]; len(left) > 0 {
			// What leads to where most is left makes the way short.
			best := 0
			for n, c := range left {
				if c.To != s && len(t.left[c.To]) > len(t.left[left[best].To]) || left[best].To == s {
					best = n
				}
			}
			c := left[best]
			t.left[s] = slices.Delete(left, best, best+1)
			return &c
		}
		if t.way = t.find(s); t.way == nil {
			return nil
		}
	}
	c := t.way[0]
	t.way = t.way[1:]
	return &c
}

// find is the shortest way to a state where a step is left.
func (t *tour) find(s model.State) []model.Change {
	type leg struct {
		before *leg
		change model.Change
	}
	met := map[model.State]bool{s: true}
	for ahead := []*leg{{change: model.Change{To: s}}}; len(ahead) > 0; ahead = ahead[1:] {
		at := ahead[0]
		if len(t.left[at.change.To]) > 0 {
			var way []model.Change
			for ; at.before != nil; at = at.before {
				way = append(way, at.change)
			}
			slices.Reverse(way)
			return way
		}
		for _, c := range t.all[at.change.To] {
			if !met[c.To] {
				met[c.To] = true
				ahead = append(ahead, &leg{at, c})
			}
		}
	}
	return nil
}
