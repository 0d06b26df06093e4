package access

import "time"

// Names is how many names are remembered.
func (t *Throttle) Names() int {
	t.lock.Lock()
	defer t.lock.Unlock()
	return len(t.names)
}

// Sweep forgets what is long past at a time.
func (t *Throttle) Sweep(now time.Time) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.makeRoom(now)
}
