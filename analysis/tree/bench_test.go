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

var (
	paths = flag.Int("paths", 0, "how many paths the image has of which the cost is printed")
	alone = flag.Bool("alone", false, "print no cost of stereoscope")
)

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

// TestCost prints what a tree takes, and what the same answers take of
// stereoscope.
func TestCost(t *testing.T) {
	if testing.Short() || *paths == 0 {
		t.Skip("-paths")
	}
	tars := like(*paths).tars(t)
	packages := *paths / 100
	var all []tree.Layer
	for i, b := range tars {
		r, err := record(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tree.Layer{ID: fmt.Sprint(i), Index: r.Index()})
	}
	before, start := heap(), cpu()
	squashed, err := tree.Squash(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	took := cpu() - start
	size := heap() - before
	count := squashed.List().Len()
	start = cpu()
	found := ask(squashed.Resolver(context.Background(), nil), packages)
	asked := cpu() - start
	after := heap() - before
	t.Logf("%d paths: squashed in %v CPU, %d bytes a path; %d found in %v CPU, %d bytes a path then",
		count, took, size/uint64(count), found, asked, after/uint64(count))
	runtime.KeepAlive(squashed)
	if *alone {
		return
	}
	before, start = heap(), cpu()
	resolver, err := theirs(t, tars, "linux")
	if err != nil {
		t.Fatal(err)
	}
	took = cpu() - start
	size = heap() - before
	start = cpu()
	theirFound := ask(resolver, packages)
	t.Logf("stereoscope: read and squashed in %v CPU, %d bytes a path; %d found in %v CPU", took, size/uint64(count), theirFound, cpu()-start)
	if found != theirFound {
		t.Errorf("found %d, they %d", found, theirFound)
	}
	runtime.KeepAlive(all)
}
