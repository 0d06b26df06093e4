package sbom_test

import (
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/sbom"
)

// spent is the CPU time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCatalog catalogues the image in the archive of docker save that
// TIDEPOLE_BENCH_IMAGE names: anew, by the answers to its questions, and as what
// it was before. TIDEPOLE_BENCH_HEAP=1 takes the largest live heap instead.
// -cpuprofile and TIDEPOLE_BENCH_PROFILE, a file for the heap's, help further.
func BenchmarkCatalog(b *testing.B) {
	path := os.Getenv("TIDEPOLE_BENCH_IMAGE")
	if path == "" {
		b.Skip("TIDEPOLE_BENCH_IMAGE names no image")
	}
	img, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	cpu := spent()
	p := readPass(b, img)
	b.Logf("layers read, executables with them: CPU %v", spent()-cpu)
	store := cache.Temporary(b.TempDir())
	defer store.Close()
	run := func(what string, m *sbom.Memory, src sbom.Source) *sbom.Catalogue {
		runtime.GC()
		start, cpu := time.Now(), spent()
		c, err := sbom.Catalog(b.Context(), p.tree.Resolver(b.Context(), p.open), src, m)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d packages of %d files, CPU %v, wall %v", what, c.Packages(), p.Len(), spent()-cpu, time.Since(start))
		return c
	}
	m := &sbom.Memory{Store: store, Fingerprint: "1"}
	for b.Loop() {
		stop := watchHeap(b)
		c := run("anew", m, p.source)
		stop()
		cpu := spent()
		if err := c.Write(b.Context(), io.Discard, sbom.Tool{Name: "test"}, p); err != nil {
			b.Fatal(err)
		}
		b.Logf("written: CPU %v", spent()-cpu)
		run("the same image", m, p.source)
		more := p.source
		more.Layers = append(more.Layers[:len(more.Layers):len(more.Layers)], sbom.SourceLayer{DiffID: "sha256:0"})
		run("another with the same answers", m, more)
	}
}

// watchHeap takes the largest live heap until it is told to stop.
func watchHeap(b *testing.B) (stop func()) {
	b.Helper()
	if os.Getenv("TIDEPOLE_BENCH_HEAP") == "" {
		return func() {}
	}
	live := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before, end, most := live(), make(chan bool), make(chan uint64)
	go func() {
		var peak uint64
		for {
			select {
			case <-end:
				most <- peak
				return
			case <-time.After(50 * time.Millisecond):
			}
			if now := live(); now > peak {
				peak = now
				if f, err := os.Create(os.Getenv("TIDEPOLE_BENCH_PROFILE")); err == nil {
					_ = pprof.Lookup("heap").WriteTo(f, 0)
					f.Close()
				}
			}
		}
	}()
	return func() {
		close(end)
		b.Logf("live heap: %d MB at its largest, %d MB of them before", <-most>>20, before>>20)
	}
}
