package sbom_test

import (
	"context"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/sbom"
)

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestProfile(t *testing.T) {
	path := os.Getenv("SBOM_TAR")
	if path == "" {
		t.Skip()
	}
	img := empty.Image
	if os.Getenv("SBOM_IMAGE") != "" {
		i, err := tarball.ImageFromPath(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		img = i
	} else {
		l, err := tarball.LayerFromFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	o := open(t, img)
	store := cache.Temporary(t.TempDir())
	defer store.Close()
	m := &sbom.Memory{Store: store, Fingerprint: "1"}
	if os.Getenv("SBOM_NOMEM") != "" {
		m = nil
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := make(chan uint64)
	stop := make(chan bool)
	go func() {
		var most uint64
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(100 * time.Millisecond):
			}
			var s runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&s)
			if s.HeapAlloc > most {
				most = s.HeapAlloc
				if f, err := os.Create("/tmp/sbom/heap.pprof"); err == nil {
					pprof.Lookup("heap").WriteTo(f, 0)
					f.Close()
				}
			}
		}
	}()
	if os.Getenv("SBOM_HEAP") == "" {
		stop <- true
		<-peak
		f, _ := os.Create("/tmp/sbom/cpu.pprof")
		pprof.StartCPUProfile(f)
	}
	start, c0 := time.Now(), cpu()
	c, err := sbom.Catalog(context.Background(), o.resolver, o.source, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("catalog: %d files %d packages wall %v cpu %v", len(o.rows), c.Packages(), time.Since(start), cpu()-c0)
	if os.Getenv("SBOM_HEAP") == "" {
		pprof.StopCPUProfile()
	} else {
		stop <- true
		t.Logf("peak live heap beyond the image's: %d MB of %d", int64(<-peak-before.HeapAlloc)>>20, before.HeapAlloc>>20)
	}
	start, c0 = time.Now(), cpu()
	if err := c.Write(context.Background(), io.Discard, sbom.Tool{Name: "test"}, o); err != nil {
		t.Fatal(err)
	}
	t.Logf("write: wall %v cpu %v", time.Since(start), cpu()-c0)
	if m == nil {
		return
	}
	start, c0 = time.Now(), cpu()
	if _, err = sbom.Catalog(context.Background(), o.resolver, o.source, m); err != nil {
		t.Fatal(err)
	}
	t.Logf("again: wall %v cpu %v", time.Since(start), cpu()-c0)
}
