package tree_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/analysis/tree"
	"github.com/tidepole/tidepole/formats/fault"
)

// allToAll is folders that each have a link to all of them, which makes a path for
// every order that they can be gone through in.
func allToAll(folders int) spec {
	var layer []entry
	for i := range folders {
		layer = append(layer, d(fmt.Sprintf("jvm/%d", i)), f(fmt.Sprintf("jvm/%d/release", i), "x"))
		for j := range folders {
			layer = append(layer, s(fmt.Sprintf("jvm/%d/to%d", i, j), fmt.Sprintf("../%d", j)))
		}
	}
	return spec{layer}
}

// manyToOne is a folder with many folders, and many links to it.
func manyToOne(folders, links int) spec {
	var layer []entry
	for i := range folders {
		layer = append(layer, f(fmt.Sprintf("d/%d/status", i), "x"))
	}
	for i := range links {
		layer = append(layer, s(fmt.Sprintf("l%d", i), "/d"))
	}
	return spec{layer}
}

// longWay is links to links, each by a long way, and many files that are asked for
// by it.
func longWay(files int) spec {
	way := strings.Repeat("x/../", 700)
	layer := []entry{d("x"), d("end")}
	for i := range 90 {
		to := fmt.Sprintf("/%s%d", way, i+1)
		if i == 89 {
			to = "/end"
		}
		layer = append(layer, s(fmt.Sprint(i), to))
	}
	for i := range files {
		layer = append(layer, h(fmt.Sprintf("f%d", i), fmt.Sprintf("0/file%d", i)))
	}
	return spec{layer}
}

// Links are followed as far as the paths of the image pay for it, and not for ever.
func TestLinksMakeTooManyPaths(t *testing.T) {
	tree.FewSteps(t, 200_000)
	for name, c := range map[string]struct {
		image spec
		globs []string
	}{
		"each folder links to all":             {allToAll(13), []string{"/jvm/**", "/jvm/**/*", "/jvm/{0,1}{,x}/**"}},
		"all links lead to a folder with many": {manyToOne(3000, 3000), []string{"**/lib/dpkg/status"}},
	} {
		t.Run(name, func(t *testing.T) {
			squashed, open := mine(t, c.image.tars(t))
			r := squashed.Resolver(t.Context(), open)
			for _, glob := range c.globs {
				_, err := r.FilesByGlob(glob)
				if fault.Of(err) != fault.TooLarge || !strings.Contains(fault.Hint(err), "--max-entries") {
					t.Errorf("%s: %v (hint %q)", glob, err, fault.Hint(err))
				}
			}
			if squashed.Overrun() == nil {
				t.Error("the tree does not tell that not all of it was found")
			}
			if found, err := r.FilesByPath("/jvm/0/release", "/d/0/status"); err != nil || len(found) != 1 {
				t.Errorf("a file by its path: %v, %v", found, err)
			}
		})
	}
}

// The limit can be raised.
func TestMorePathsIfThatIsAllowed(t *testing.T) {
	tree.FewSteps(t, 200_000)
	tars := manyToOne(900, 900).tars(t)
	squashed, open := mine(t, tars)
	if _, err := squashed.Resolver(t.Context(), open).FilesByGlob("**/lib/dpkg/status"); fault.Of(err) != fault.TooLarge {
		t.Fatalf("with the usual limit: %v", err)
	}
	squashed, open = mine(t, tars, tree.MaxEntries(100_000_000))
	if found, err := squashed.Resolver(t.Context(), open).FilesByGlob("**/lib/dpkg/status"); err != nil || len(found) > 0 {
		t.Errorf("with a limit that was raised: %v, %v", found, err)
	}
}

// Hard links are looked for through links within the same bound.
func TestHardLinksGoALongWay(t *testing.T) {
	tree.FewSteps(t, 200_000)
	x := index(t, longWay(500).tars(t)[0])
	_, err := tree.Squash(t.Context(), []tree.Layer{{Index: x}})
	if fault.Of(err) != fault.TooLarge || !strings.Contains(fault.Hint(err), "--max-entries") {
		t.Errorf("%v (hint %q)", err, fault.Hint(err))
	}
}

// lookedAt is a context that ends when it is looked at for the last time that it is to be.
type lookedAt struct {
	context.Context
	left *atomic.Int64
	end  func()
}

func (c lookedAt) Err() error {
	if c.left.Add(-1) == 0 {
		c.end()
	}
	return c.Context.Err()
}

// Whoever gives up does not wait for the links.
func TestLinksEndWithTheContext(t *testing.T) {
	reason := errors.New("given up")
	for name, c := range map[string]struct {
		image spec
		glob  string
	}{
		"walk":   {allToAll(13), "/jvm/**"},
		"search": {manyToOne(900, 9000), "**/lib/dpkg/status"},
	} {
		t.Run(name, func(t *testing.T) {
			squashed, open := mine(t, c.image.tars(t), tree.MaxEntries(1<<40))
			ending, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			ctx := lookedAt{ending, new(atomic.Int64), func() { stop(reason) }}
			ctx.left.Store(1000) // it is looked at often enough, and in the middle
			if _, err := squashed.Resolver(ctx, open).FilesByGlob(c.glob); !errors.Is(err, reason) {
				t.Errorf("%v", err)
			}
			if more := -ctx.left.Load(); more > 10 {
				t.Errorf("it was looked %d times whether it had ended", more)
			}
		})
	}
}

// What is found is held in memory, and is bounded.
func TestMoreFilesOfOneKindThanAllowed(t *testing.T) {
	tree.FewHits(t, 100)
	var layer []entry
	for i := range 101 {
		layer = append(layer, f(fmt.Sprintf("a/%d/package.json", i), "x"), f(fmt.Sprintf("b/%d.py", i), "x"))
	}
	tars := spec{layer}.tars(t)
	questions := map[string]func(file.Resolver) error{
		"by a name":         func(r file.Resolver) error { _, err := r.FilesByGlob("**/package.json"); return err },
		"in a folder":       func(r file.Resolver) error { _, err := r.FilesByGlob("/b/*.py"); return err },
		"by going there":    func(r file.Resolver) error { _, err := r.FilesByGlob("/a/**"); return err },
		"by patterns":       func(r file.Resolver) error { _, err := r.FilesByGlob("**/1/package.json", "**/*.py"); return err },
		"by what they hold": func(r file.Resolver) error { _, err := r.FilesByMIMEType("text/plain"); return err },
	}
	for name, ask := range questions {
		squashed, open := mine(t, tars)
		if err := ask(squashed.Resolver(t.Context(), open)); fault.Of(err) != fault.TooLarge || squashed.Overrun() == nil {
			t.Errorf("%s: %v", name, err)
		}
		squashed, open = mine(t, tars, tree.MaxEntries(1000))
		if err := ask(squashed.Resolver(t.Context(), open)); err != nil || squashed.Overrun() != nil {
			t.Errorf("%s, with a limit that was raised: %v", name, err)
		}
	}
}

// Catalogers make patterns of names that stand in the image.
func TestPatternsWithTooManyAlternatives(t *testing.T) {
	image := spec{{f("d/"+strings.Repeat("x", 60)+".y", "x"), f("d/xy", "x")}}.tars(t)
	many := strings.Repeat("{,x}", 40)
	for _, glob := range []string{"/d/" + many + ".*", "**/" + many, "/" + many + "/**", "/d/" + many + "{", "/d/" + strings.Repeat("{x,", 40) + strings.Repeat("{a,b}", 40)} {
		squashed, open := mine(t, image)
		if _, err := squashed.Resolver(t.Context(), open).FilesByGlob(glob); fault.Of(err) != fault.TooLarge || squashed.Overrun() == nil {
			t.Errorf("%s: %v", glob, err)
		}
	}
	for glob, want := range map[string]int{"/d/{x,{a,b}{c,d}}y": 1, "/d/" + strings.Repeat("{,x}", 9) + "y": 1, strings.Repeat(`\{,x\}`, 40): 0} {
		squashed, open := mine(t, image)
		if found, err := squashed.Resolver(t.Context(), open).FilesByGlob(glob); err != nil || len(found) != want {
			t.Errorf("%s: %v, %v", glob, found, err)
		}
	}
}
