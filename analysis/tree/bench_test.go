//go:build unix

package tree_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/analysis/tree"
)

var paths = flag.Int("paths", 10_000, "how many paths the image of BenchmarkSquash has")

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// ask is what cataloguing asks: the patterns of image catalogers, and for each
// package's files.
func ask(r file.Resolver, packages int) (found int) {
	for _, p := range catalogerGlobs() {
		if strings.HasSuffix(strings.TrimRight(p, "/"), "**") || strings.HasSuffix(p, "**/*") {
			continue // what classifiers compare paths with: no cataloger asks for it
		}
		l, err := r.FilesByGlob(p)
		if err != nil {
			panic(err)
		}
		found += len(l)
	}
	for i := range packages {
		dir := fmt.Sprintf("/usr/lib/node_modules/app/node_modules/mod%d", i)
		for _, p := range []string{dir + "/*licen*", dir + "/*LICEN*", fmt.Sprintf("/var/lib/dpkg/info/pkg%d.*", i)} {
			l, _ := r.FilesByGlob(p)
			found += len(l)
		}
		l, _ := r.FilesByPath(dir+"/package.json", fmt.Sprintf("/lib/lib%d.so", i))
		found += len(l)
	}
	l, _ := r.FilesByMIMEType("application/json", "application/x-sharedlib", "application/x-executable")
	found += len(l)
	for range r.AllLocations(context.Background()) {
		found++
	}
	return found
}

// BenchmarkSquash makes a tree of -paths paths, and asks what cataloguing asks, of
// tidepole and of stereoscope. ask-cpu-s/op is the part of the time that the questions took;
// B/path is the heap for each path before the first of them, B/path-asked after
// the last.
//
//	go test ./analysis/tree -run - -bench Squash -benchtime 1x -paths 1000000
func BenchmarkSquash(b *testing.B) {
	layers := like(*paths)
	tars := layers.tars(b)
	var indexed []tree.Layer
	for i, tar := range tars {
		r, err := record(tar)
		if err != nil {
			b.Fatal(err)
		}
		indexed = append(indexed, tree.Layer{ID: fmt.Sprint(i), Index: r.Index()})
	}
	found := map[string]int{}
	for _, of := range []struct {
		name string
		make func() (file.Resolver, error)
	}{
		{"tidepole", func() (file.Resolver, error) {
			t, err := tree.Squash(b.Context(), indexed)
			if err != nil {
				return nil, err
			}
			return t.Resolver(b.Context(), nil), nil
		}},
		{"stereoscope", func() (file.Resolver, error) { return theirs(b, tars, "linux") }},
	} {
		b.Run(of.name, func(b *testing.B) {
			var total, asking time.Duration
			for b.Loop() {
				before, start := heap(), cpu()
				r, err := of.make()
				if err != nil {
					b.Fatal(err)
				}
				made := cpu() - start
				size := heap() - before
				start = cpu()
				found[of.name] = ask(r, *paths/100)
				asked := cpu() - start
				total, asking = total+made+asked, asking+asked
				b.ReportMetric(float64(size)/float64(*paths), "B/path")
				b.ReportMetric(float64(heap()-before)/float64(*paths), "B/path-asked")
				runtime.KeepAlive(r)
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(asking.Seconds()/float64(b.N), "ask-cpu-s/op")
		})
	}
	runtime.KeepAlive(indexed)
	if ours, other := found["tidepole"], found["stereoscope"]; ours > 0 && other > 0 && ours != other {
		b.Errorf("found %d, stereoscope %d", ours, other)
	}
}
