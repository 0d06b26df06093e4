package access

import (
	"context"
	"sync"
)

// Turns shares a number of places among those who ask: whoever waits in one line waits
// for his own line only, for each place that becomes free goes to the next line in
// turn. A line is a host, so that one that asks a thousand times does not hold up the
// others.
type Turns struct {
	places  int // at once
	waiting int // in one line, before ErrBusy

	lock  sync.Mutex
	taken int
	lines map[string][]chan struct{}
	order []string // of the lines; the first has the next turn
}

// NewTurns has so many places, and lines that are so long.
func NewTurns(places, waiting int) *Turns {
	return &Turns{places: places, waiting: waiting, lines: map[string][]chan struct{}{}}
}

// Enter waits in a line for a place; leave gives it back. A line that is full is ErrBusy.
func (t *Turns) Enter(ctx context.Context, line string) (leave func(), err error) {
	t.lock.Lock()
	if t.taken < t.places {
		t.taken++
		t.lock.Unlock()
		return t.leave, nil
	}
	if len(t.lines[line]) >= t.waiting {
		t.lock.Unlock()
		return nil, ErrBusy
	}
	if len(t.lines[line]) == 0 {
		t.order = append(t.order, line)
	}
	turn := make(chan struct{})
	t.lines[line] = append(t.lines[line], turn)
	t.lock.Unlock()
	select {
	case <-turn:
		return t.leave, nil
	case <-ctx.Done():
		t.giveUp(line, turn)
		return nil, ctx.Err()
	}
}

// leave hands a place to the next line, or has it free.
func (t *Turns) leave() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if len(t.order) == 0 {
		t.taken--
		return
	}
	line := t.order[0]
	t.order = t.order[1:]
	close(t.lines[line][0])
	if t.lines[line] = t.lines[line][1:]; len(t.lines[line]) > 0 {
		t.order = append(t.order, line)
	} else {
		delete(t.lines, line)
	}
}

// giveUp takes one who waited out of his line; a place that he was just given goes on.
func (t *Turns) giveUp(line string, turn chan struct{}) {
	t.lock.Lock()
	for n, other := range t.lines[line] {
		if other != turn {
			continue
		}
		t.lines[line] = append(t.lines[line][:n:n], t.lines[line][n+1:]...)
		if len(t.lines[line]) == 0 {
			delete(t.lines, line)
			t.forget(line)
		}
		t.lock.Unlock()
		return
	}
	t.lock.Unlock()
	t.leave()
}

func (t *Turns) forget(line string) {
	for n, other := range t.order {
		if other == line {
			t.order = append(t.order[:n:n], t.order[n+1:]...)
			return
		}
	}
}
