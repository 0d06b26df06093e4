package engine

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

// percent is how soon the runtime looks for garbage.
func percent() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// goal is at how many bytes the runtime looks for garbage again.
func goal() int64 {
	v, _ := read("/gc/heap/goal:bytes")
	return v[0]
}

// becomes looks for garbage until that is so.
func becomes(t *testing.T, what string, ok func(uint64) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(percent()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: %d percent", what, percent())
		}
		runtime.GC()
	}
}

func TestGarbageIsLookedForByWhatIsInUse(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	e := &env.Env{Lookup: func(string) (string, bool) { return "", false }}
	first, second := collectSooner(e), collectSooner(e)
	much := make([]byte, 2*mostRoom)
	becomes(t, "with twice the room in use", func(p uint64) bool { return p >= leastShare && p <= 50 })
	runtime.KeepAlive(much)
	much = make([]byte, 8*mostRoom)
	becomes(t, "with much in use", func(p uint64) bool {
		limit := debug.SetMemoryLimit(-1)
		return p == leastShare && limit > 8*mostRoom && limit < 20*mostRoom
	})
	for range 30 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if s := goal(); s < 8*mostRoom*11/10 { // it is not less each time
		t.Errorf("with much in use, garbage is looked for at %d bytes", s)
	}
	runtime.KeepAlive(much)
	much = nil
	becomes(t, "with little in use", func(p uint64) bool { return p > 100 })
	first()
	first()
	if p := percent(); p <= 100 {
		t.Errorf("while there is another analysis: %d percent", p)
	}
	second()
	runtime.GC()
	if p := percent(); p != 100 {
		t.Errorf("after the last analysis: %d percent, want the 100 of before", p)
	}
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("after the last analysis, the runtime may have %d bytes", got)
	}
}

func TestGarbageIsLookedForAsTheEnvironmentSays(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	e := &env.Env{Lookup: func(name string) (string, bool) { return "100", name == "GOGC" }}
	defer collectSooner(e)()
	if p := percent(); p != 100 {
		t.Errorf("%d percent, want 100", p)
	}
}

// TestMemoryLimitOfTheEnvironmentHolds is about a limit that is less than what an
// analysis would be left.
func TestMemoryLimitOfTheEnvironmentHolds(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	const limit = 1 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	end := collectSooner(&env.Env{Lookup: func(string) (string, bool) { return "", false }})
	much := make([]byte, 2*mostRoom)
	becomes(t, "with twice the room in use", func(p uint64) bool { return p <= 50 })
	runtime.KeepAlive(much)
	if got := debug.SetMemoryLimit(-1); got != limit {
		t.Errorf("the runtime may have %d bytes", got)
	}
	end()
}
