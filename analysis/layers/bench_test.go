package layers_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/layers"
)

// cpu is the seconds of processor that the process took.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// sample is the tar that TIDEPOLE_BENCH_TAR names, or one of code, text and
// noise.
func sample(b testing.TB) []byte {
	if name := os.Getenv("TIDEPOLE_BENCH_TAR"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	rng := rand.New(rand.NewSource(1))
	var all []header
	for i := range 4000 {
		body := strings.Repeat(fmt.Sprintf("line %d of a text that is not repeated much: %d\n", i, rng.Int63()), 1+rng.Intn(300))
		if i%10 == 0 {
			noise := make([]byte, rng.Intn(400_000))
			rng.Read(noise)
			body = "\x7fELF\x02\x01\x01" + string(noise)
		}
		all = append(all, file(fmt.Sprintf("usr/lib/d%d/file-%d", i/50, i), body))
	}
	return tarOf(b, all...)
}

func BenchmarkRead(b *testing.B) {
	data := sample(b)
	drop := func(_ layers.Entry, _ int, r io.Reader) { _, _ = io.Copy(io.Discard, r) }
	tests := []struct {
		name string
		keep bool
		o    layers.Options
	}{
		{"index", false, layers.Options{}},
		{"index and record", true, layers.Options{}},
		{"index, record and two observers", true, layers.Options{Observers: []layers.Observer{drop, drop}}},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := cpu()
			entries, written := 0, int64(0)
			for b.Loop() {
				var w *layers.Writer
				var count counter
				if test.keep {
					w = layers.NewWriter(&count)
				}
				x, err := layers.Read(b.Context(), bytes.NewReader(data), w, test.o)
				if err != nil {
					b.Fatal(err)
				}
				if w != nil {
					if err := w.Finish(x); err != nil {
						b.Fatal(err)
					}
				}
				entries, written = x.Len(), int64(count)
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(len(data))*float64(b.N)/1e6/(cpu()-start), "MB/CPU-s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N*entries), "allocs/entry")
			b.ReportMetric(float64(written)/1e6, "MB-written")
		})
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// BenchmarkTinyFiles reads a layer of a million files of a few bytes.
func BenchmarkTinyFiles(b *testing.B) {
	const files = 1_000_000
	for b.Loop() {
		pr, pw := io.Pipe()
		go func() { pw.CloseWithError(tiny(pw, files)) }()
		out, err := os.Create(b.TempDir() + "/record")
		if err != nil {
			b.Fatal(err)
		}
		start := cpu()
		w := layers.NewWriter(out)
		x, err := layers.Read(b.Context(), pr, w, layers.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Finish(x); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(cpu()-start, "CPU-s")
		b.ReportMetric(float64(live(x))/1e6, "MB-live")
		info, _ := out.Stat()
		b.ReportMetric(float64(info.Size())/1e6, "MB-record")
		x = nil
		start = cpu()
		r, err := layers.OpenRecord(out, info.Size())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(cpu()-start, "CPU-s-open")
		b.ReportMetric(float64(live(r))/1e6, "MB-live-opened")
		out.Close()
	}
}

// live is the heap in use while keep is held.
func live(keep any) uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(keep)
	return m.HeapAlloc
}

func tiny(to io.Writer, files int) error {
	buffer := bufio.NewWriterSize(to, 1<<20)
	w := tar.NewWriter(buffer)
	for i := range files {
		body := fmt.Sprint(i)
		h := tar.Header{Name: fmt.Sprintf("srv/data/%03d/%06d.json", i/1000, i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}
		if err := cmp.Or(w.WriteHeader(&h), func() error { _, err := io.WriteString(w, body); return err }()); err != nil {
			return err
		}
	}
	return cmp.Or(w.Close(), buffer.Flush())
}
