package sbom_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/tree"
)

// pass is an image that was read into records.
type pass struct {
	tree.List
	tree    *tree.Tree
	records []*layers.Record
	found   []*sbom.Findings
	source  sbom.Source
}

func (p *pass) Row(n int) sbom.Row {
	f := p.File(n)
	e := f.Entry
	row := sbom.Row{Type: f.Type, Mode: e.Info().Mode(), Link: e.Link, UID: e.UID, GID: e.GID, MIME: e.MIME, Size: e.Size, Executable: p.found[f.Place.Layer].At(f.Place.Ordinal)}
	if e.Regular {
		row.SHA256 = e.SHA256()
	}
	return row
}

func (p *pass) open(_ context.Context, at tree.Place) (tree.Content, error) {
	c, ok := p.records[at.Layer].Content(at.Ordinal)
	if !ok {
		return nil, os.ErrNotExist
	}
	return c, nil
}

// readPass reads the archive of docker save at path.
func readPass(b testing.TB, path string) *pass {
	b.Helper()
	img, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	p := &pass{source: sbom.Source{Name: "a", Manifest: raw(b, img.RawManifest), Config: raw(b, img.RawConfigFile)}}
	all, err := img.Layers()
	if err != nil {
		b.Fatal(err)
	}
	var list []tree.Layer
	for n, l := range all {
		f, err := os.Create(filepath.Join(b.TempDir(), strconv.Itoa(n)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		r, err := l.Uncompressed()
		if err != nil {
			b.Fatal(err)
		}
		w := layers.NewWriter(f)
		x, err := layers.Read(b.Context(), r, w, layers.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Finish(x); err != nil {
			b.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		record, err := layers.OpenRecord(f, info.Size())
		if err != nil {
			b.Fatal(err)
		}
		id, err := l.DiffID()
		if err != nil {
			b.Fatal(err)
		}
		p.records = append(p.records, record)
		p.source.Layers = append(p.source.Layers, sbom.SourceLayer{DiffID: id.String(), Size: sbom.SizeOf(record.Index())})
		list = append(list, tree.Layer{ID: id.String(), Index: record.Index()})
	}
	p.lookIntoExecutables(b)
	if p.tree, err = tree.Squash(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	p.List = p.tree.List()
	return p
}

func (p *pass) lookIntoExecutables(b testing.TB) {
	b.Helper()
	start := spent()
	for n, r := range p.records {
		data, err := sbom.Executables(b.Context(), r.Index(), func(ordinal int) (io.ReadCloser, error) {
			return p.open(b.Context(), tree.Place{Layer: n, Ordinal: ordinal})
		})
		if err != nil {
			b.Fatal(err)
		}
		found, err := sbom.ReadExecutables(data)
		if err != nil {
			b.Fatal(err)
		}
		p.found = append(p.found, found)
	}
	b.Logf("executables: CPU %v", spent()-start)
}

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
	p := readPass(b, path)
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
