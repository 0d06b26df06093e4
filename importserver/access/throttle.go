package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// ErrBusy says that too many attempts wait already.
var ErrBusy = errors.New("too many logins wait already")

const (
	maxWaiting = 32     // of one name
	maxNames   = 10_000 // that are remembered
	maxDoubled = 5      // times that the delay grows: to 32-fold

	sweepEvery = time.Minute
)

// Throttle makes guessing slow: one attempt under a name is made at a time, and
// after a failure they follow each other at a distance that doubles with each
// further one. Who guesses in parallel waits all the same. Names are kept as digests:
// what is remembered does not grow with what somebody sends as one.
type Throttle struct {
	Delay time.Duration // after the first failure

	lock  sync.Mutex
	names map[digest]*attempts
	swept time.Time
}

type digest = [sha256.Size]byte

type attempts struct {
	turn     chan struct{} // holds one while an attempt is under way
	failures int
	waiting  int       // for their turn, or having it
	next     time.Time // when the next attempt may be made
}

// Enter waits until an attempt may be made under a name. The attempt ends with one of
// Failed, Succeeded and Left.
func (t *Throttle) Enter(ctx context.Context, name string) error {
	key := sha256.Sum256([]byte(name))
	t.lock.Lock()
	a := t.names[key]
	if a == nil {
		if t.names == nil {
			t.names = map[digest]*attempts{}
		}
		t.makeRoom(time.Now())
		a = &attempts{turn: make(chan struct{}, 1)}
		t.names[key] = a
	}
	if a.failures > 0 && a.waiting >= maxWaiting {
		t.lock.Unlock()
		return ErrBusy
	}
	a.waiting++
	t.lock.Unlock()
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		t.lock.Lock()
		defer t.lock.Unlock()
		a.waiting--
		return ctx.Err()
	}
	t.lock.Lock()
	wait := time.Until(a.next)
	t.lock.Unlock()
	err := Pause(ctx, wait)
	if err != nil {
		t.Left(name)
	}
	return err
}

// Failed notes a failure.
func (t *Throttle) Failed(name string) {
	t.end(name, func(a *attempts) {
		a.failures = min(a.failures+1, maxDoubled+1)
		a.next = time.Now().Add(t.after(a.failures))
	})
}

// Succeeded forgets the failures.
func (t *Throttle) Succeeded(name string) {
	t.end(name, func(a *attempts) { a.failures, a.next = 0, time.Time{} })
}

// Left ends an attempt that neither failed nor succeeded.
func (t *Throttle) Left(name string) { t.end(name, func(*attempts) {}) }

func (t *Throttle) end(name string, note func(*attempts)) {
	t.lock.Lock()
	defer t.lock.Unlock()
	key := sha256.Sum256([]byte(name))
	a := t.names[key] // it is there: who has the turn waits, in this table's words
	note(a)
	a.waiting--
	<-a.turn
	if a.failures == 0 && a.waiting == 0 {
		delete(t.names, key)
	}
}

func (t *Throttle) after(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return t.Delay << (failures - 1)
}

// makeRoom forgets names whose last failure is long past, and where there are still too
// many, any: the table must not grow with the number of names that somebody tries, nor
// stay as large as it once was.
func (t *Throttle) makeRoom(now time.Time) {
	if len(t.names) < maxNames && now.Sub(t.swept) < sweepEvery {
		return
	}
	t.swept = now
	old := now.Add(-t.after(maxDoubled + 1))
	for key, a := range t.names {
		if a.next.Before(old) && a.waiting == 0 {
			delete(t.names, key)
		}
	}
	for key, a := range t.names {
		if len(t.names) < maxNames {
			return
		}
		if a.waiting == 0 {
			delete(t.names, key)
		}
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
