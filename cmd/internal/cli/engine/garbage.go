package engine

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

const (
	// mostRoom is how many bytes may be left behind during an analysis before they
	// are looked for. A part of the memory in use, as the runtime has it, is little
	// where there is little in use, which costs time, and much for a large image,
	// which costs memory.
	mostRoom = 64 << 20
	// Where use and room come to more than aim bytes, there is less room, but not
	// less than leastRoom.
	aim       = 160 << 20
	leastRoom = 24 << 20
	// leastShare and mostShare bound what that comes to, in percent of the memory in
	// use: to go through much of it takes time, too.
	leastShare, mostShare = 20, 400
	// slack is how many bytes the runtime may hold back beside what is in use, its
	// room, and what it cannot give back. It gives back the rest at once, and not at
	// its leisure.
	slack = 8 << 20
	// headroom is the part of its goal by which the runtime stays below its limit.
	headroom = 32
)

// garbage is the process's: how soon it is looked for while there are analyses.
var garbage collection

type collection struct {
	mu       sync.Mutex
	analyses int
	before   int   // percent, as it was before the first of them
	limit    int64 // of the runtime's memory, too, in bytes
	percent  int
	watching bool
}

// collectSooner has a process that makes an analysis itself take no more memory than
// it needs until the analysis ends, unless it is told otherwise. It is the whole
// process's: a server whose analyses are made apart from it leaves it be.
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
		c.limit = debug.SetMemoryLimit(-1)
		c.percent = share()
		c.before = debug.SetGCPercent(c.percent)
		if !c.watching {
			c.watching = true
			c.watch()
		}
	}
}

func (c *collection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.analyses--; c.analyses == 0 {
		debug.SetGCPercent(c.before)
		debug.SetMemoryLimit(c.limit)
	}
}

// watched is something that nobody needs, so that the end of it tells that garbage
// was looked for.
type watched struct{ by *collection }

func (c *collection) watch() {
	runtime.AddCleanup(&watched{c}, (*collection).collected, c)
}

// collected goes by what is in use now.
func (c *collection) collected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching = c.analyses > 0; !c.watching {
		return
	}
	if now := share(); now*10 < c.percent*9 || now*10 > c.percent*11 {
		c.percent = now
		debug.SetGCPercent(now)
	}
	if most := bound(c.percent); most > 0 {
		debug.SetMemoryLimit(min(c.limit, most))
	}
	c.watch()
}

// share is the room that there is, in percent of the memory in use.
func share() int {
	v, ok := read("/gc/heap/live:bytes")
	if !ok {
		return leastShare
	}
	live := max(v[0], 1)
	room := max(min(aim-live, mostRoom), leastRoom)
	return int(min(max(room*100/live, leastShare), mostShare))
}

// bound is how many bytes the runtime needs until there is that much garbage, in
// percent; 0: it does not say.
//
// The runtime's own goal is of no use for it: that follows the limit.
func bound(percent int) int64 {
	v, ok := read("/gc/heap/live:bytes", "/gc/scan/stack:bytes", "/gc/scan/globals:bytes", "/memory/classes/total:bytes",
		"/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/objects:bytes")
	if !ok {
		return 0
	}
	goal := v[0] + (v[0]+v[1]+v[2])*int64(percent)/100
	beside := v[3] - v[4] - v[5] - v[6]
	return goal + goal/headroom + beside + slack
}

// read reads some of the runtime's numbers.
func read(names ...string) (values []int64, ok bool) {
	list := make([]metrics.Sample, len(names))
	for n, name := range names {
		list[n].Name = name
	}
	metrics.Read(list)
	for _, s := range list {
		if s.Value.Kind() != metrics.KindUint64 {
			return nil, false
		}
		values = append(values, int64(s.Value.Uint64()))
	}
	return values, true
}
