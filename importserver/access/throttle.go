package access

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrBusy says that too many attempts wait already.
var ErrBusy = errors.New("too many failed logins wait already")

const (
	maxWaiting = 32     // of one name
	maxNames   = 10_000 // that are remembered
	maxDoubled = 5      // times that the delay grows: to 32-fold
)

// Throttle makes guessing slow: after a failure, the attempts under a name follow
// each other at a distance that doubles with each further one. Who guesses in
// parallel waits all the same.
type Throttle struct {
	Delay time.Duration // after the first failure

	lock  sync.Mutex
	names map[string]*attempts
}

type attempts struct {
	failures int
	waiting  int
	next     time.Time // when the next attempt may be made
}

// Enter waits until an attempt may be made under a name.
func (t *Throttle) Enter(ctx context.Context, name string) error {
	t.lock.Lock()
	a := t.names[name]
	if a == nil {
		t.lock.Unlock()
		return nil
	}
	if a.waiting >= maxWaiting {
		t.lock.Unlock()
		return ErrBusy
	}
	wait := time.Until(a.next)
	a.next = time.Now().Add(max(wait, 0) + t.after(a.failures)) // its turn is taken
	a.waiting++
	t.lock.Unlock()
	defer func() {
		t.lock.Lock()
		a.waiting--
		t.lock.Unlock()
	}()
	return Pause(ctx, wait)
}

// Failed notes a failure.
func (t *Throttle) Failed(name string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	a := t.names[name]
	if a == nil {
		if t.names == nil {
			t.names = map[string]*attempts{}
		}
		t.makeRoom()
		a = &attempts{}
		t.names[name] = a
	}
	a.failures = min(a.failures+1, maxDoubled+1)
	if next := time.Now().Add(t.after(a.failures)); next.After(a.next) {
		a.next = next
	}
}

// Succeeded forgets the failures.
func (t *Throttle) Succeeded(name string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	delete(t.names, name)
}

func (t *Throttle) after(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return t.Delay << (failures - 1)
}

// makeRoom forgets names whose last failure is long past, and then any: the table
// must not grow with the number of names that somebody tries.
func (t *Throttle) makeRoom() {
	if len(t.names) < maxNames {
		return
	}
	old := time.Now().Add(-t.after(maxDoubled + 1))
	for name, a := range t.names {
		if a.next.Before(old) && a.waiting == 0 {
			delete(t.names, name)
		}
	}
	for name := range t.names {
		if len(t.names) < maxNames {
			return
		}
		delete(t.names, name)
	}
}

// Pause waits, but not longer than ctx.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
