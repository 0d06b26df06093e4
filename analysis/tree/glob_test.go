package tree_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
	"github.com/bmatcuk/doublestar/v4"

	"github.com/tidepole/tidepole/analysis/tree"
)

// files compares what Glob gives with what syft's resolver knows of paths: those
// that match, and those of all files that do.
func (c *comparison) files(squashed *tree.Tree, patterns ...string) {
	paths := map[string]bool{}
	found, err := c.theirs.FilesByGlob(patterns...)
	if c.wavers(found, patterns) {
		return
	}
	for _, l := range found {
		paths[l.AccessPath] = true
	}
	for l := range c.theirs.AllLocations(context.Background()) {
		for _, p := range patterns {
			if ok, _ := doublestar.Match(p, l.RealPath); ok {
				paths[l.RealPath] = true
			}
		}
	}
	var want, got []string
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if l, _ := c.theirs.FilesByPath(p); len(l) == 1 && err == nil {
			if m, err := c.theirs.FileMetadataByLocation(l[0]); err == nil && m.Type == stereofile.TypeRegular {
				want = append(want, p+" in "+l[0].FileSystemID)
			}
		}
	}
	list, myErr := squashed.Glob(context.Background(), patterns...)
	for _, f := range list {
		got = append(got, f.Path+" in "+f.Layer)
	}
	c.is("Glob fails", failed(err), failed(myErr))
	c.is("Glob", want, got)
}

func TestEnding(t *testing.T) {
	tars := spec{{f("a/b.py", "text"), f("empty", ""), s("l", "a")}}.tars(t)
	squashed, open := mine(t, tars)
	reason := errors.New("the user left")
	ctx, end := context.WithCancelCause(context.Background())
	r := squashed.Resolver(ctx, open)
	found, err := r.FilesByPath("/l/b.py", "/empty")
	if err != nil || len(found) != 2 {
		t.Fatalf("%v, %v", found, err)
	}
	var opened []io.ReadCloser
	for _, l := range found {
		rc, err := r.FileContentsByLocation(l)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, rc)
	}
	rest := r.AllLocations(context.Background())
	<-rest
	end(reason)
	for _, rc := range opened {
		if _, err := rc.Read(make([]byte, 1)); !errors.Is(err, reason) {
			t.Errorf("Read: %v", err)
		}
		if _, err := rc.(io.ReaderAt).ReadAt(make([]byte, 1), 0); !errors.Is(err, reason) {
			t.Errorf("ReadAt: %v", err)
		}
	}
	count := 0
	for range rest {
		count++
	}
	if count > 1 {
		t.Errorf("%d more locations", count)
	}
	for what, ask := range map[string]func() error{
		"FilesByPath":     func() error { _, err := r.FilesByPath("/a/b.py"); return err },
		"FilesByGlob":     func() error { _, err := r.FilesByGlob("**/*.py"); return err },
		"FilesByMIMEType": func() error { _, err := r.FilesByMIMEType("text/plain"); return err },
		"metadata":        func() error { _, err := r.FileMetadataByLocation(found[0]); return err },
		"contents":        func() error { _, err := r.FileContentsByLocation(found[0]); return err },
		"Glob":            func() error { _, err := squashed.Glob(ctx, "**/*.py"); return err },
		"Squash":          func() error { _, err := tree.Squash(ctx, []tree.Layer{{Index: index(t, tars[0])}}); return err },
	} {
		if err := ask(); !errors.Is(err, reason) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r.HasPath("/a/b.py") || r.RelativeFileByPath(found[0], "/a/b.py") != nil {
		t.Error("paths are found")
	}
}

// TestAtOnce asks from many goroutines, so that what is made when first needed is
// made once.
func TestAtOnce(t *testing.T) {
	squashed, open := mine(t, like(2000).tars(t))
	var group sync.WaitGroup
	answers := make([][]string, 8)
	for i := range answers {
		group.Go(func() {
			r := squashed.Resolver(context.Background(), open)
			for _, p := range append(catalogerGlobs(), globs...) {
				list, _ := r.FilesByGlob(p)
				for _, l := range list {
					answers[i] = append(answers[i], name(l))
				}
			}
		})
	}
	group.Wait()
	for _, a := range answers {
		if !slices.Equal(a, answers[0]) {
			t.Fatalf("%d answers, and %d", len(answers[0]), len(a))
		}
	}
}

// name tells locations apart, and files by their reference.
func name(l file.Location) string {
	ref := l.Reference()
	return l.String() + ref.String()
}
