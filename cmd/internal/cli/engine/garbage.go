package engine

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

const (
	// garbageRoom is how many bytes may be left behind during an analysis before
	// they are looked for. A part of the memory in use, as the runtime has it, is
	// little where there is little in use, which costs time, and much for a large
	// image, which costs memory.
	garbageRoom = 64 << 20
	// leastRoom and mostRoom bound what that comes to, in percent of the memory in
	// use: to go through much of it takes time, too.
	leastRoom, mostRoom = 20, 400
)

// garbage is the process's: how soon it is looked for while there are analyses.
var garbage collection

type collection struct {
	mu       sync.Mutex
	analyses int
	before   int // percent, as it was before the first of them
	percent  int
}

// collectSooner has a process that makes an analysis itself keep to garbageRoom
// until the analysis ends, unless it is told otherwise. It is the whole process's:
// a server whose analyses are made apart from it leaves it be.
func collectSooner(e *env.Env) (end func()) {
	if e.Getenv("GOGC") != "" {
		return func() {}
	}
	garbage.begin()
	return sync.OnceFunc(garbage.end)
}

func (c *collection) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.analyses++; c.analyses == 1 {
		c.percent = c.share()
		c.before = debug.SetGCPercent(c.percent)
		c.watch()
	}
}

func (c *collection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.analyses--; c.analyses == 0 {
		debug.SetGCPercent(c.before)
	}
}

// watched is something that nobody needs, so that the end of it tells that garbage
// was looked for.
type watched struct{ by *collection }

func (c *collection) watch() {
	runtime.SetFinalizer(&watched{c}, func(*watched) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.analyses == 0 {
			return
		}
		if now := c.share(); now*10 < c.percent*9 || now*10 > c.percent*11 {
			c.percent = now
			debug.SetGCPercent(now)
		}
		c.watch()
	})
}

// share is garbageRoom in percent of the memory in use.
func (c *collection) share() int {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return leastRoom
	}
	return int(min(max(garbageRoom*100/max(live[0].Value.Uint64(), 1), leastRoom), mostRoom))
}
