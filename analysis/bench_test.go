//go:build unix

package analysis_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
)

// BenchmarkAnalyze takes all evidence of the image in the OCI folder that
// TIDEPOLE_BENCH_IMAGE names, with a cache that is empty. cpu-s/op is the CPU time
// of one analysis, in seconds.
//
//	go test ./analysis -run - -bench Analyze -benchtime 3x -cpuprofile FILE
func BenchmarkAnalyze(b *testing.B) {
	path := os.Getenv("TIDEPOLE_BENCH_IMAGE")
	if path == "" {
		b.Skip("TIDEPOLE_BENCH_IMAGE names no image")
	}
	req := analysis.Request{Image: image.Request{Reference: path, Source: "oci-dir"}, Name: "bench:1"}
	var o analysis.Options
	o.Secrets, o.Content = matchers(b)
	spent := time.Duration(0)
	for b.Loop() {
		dir := b.TempDir()
		kept, err := cache.Open(dir, cache.Options{})
		if err != nil {
			b.Fatal(err)
		}
		o.Cache, o.TempDir = kept, b.TempDir()
		start := cpuTime()
		bundle, err := analysis.Analyze(b.Context(), req, o)
		if err != nil {
			b.Fatal(err)
		}
		spent += cpuTime() - start
		if err := bundle.Close(); err != nil {
			b.Fatal(err)
		}
		if err := kept.Close(); err != nil {
			b.Fatal(err)
		}
		os.RemoveAll(dir)
	}
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
}

// cpuTime is what this process has taken.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
