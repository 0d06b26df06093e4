package sbom_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/analysis/sbom"
)

// opening notes which files are opened.
type opening struct {
	knowing
	mu    sync.Mutex
	paths []string
}

func (o *opening) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paths = append(o.paths, l.RealPath)
	return o.knowing.FileContentsByLocation(l)
}

// TestProgramsAreRememberedOneByOne is about an image that gets a further program:
// the others are not looked into again.
func TestProgramsAreRememberedOneByOne(t *testing.T) {
	broken := func(n int) string { return "\x7fELF\x02\x01\x01" + strings.Repeat(string(rune('a'+n)), 4000) }
	one := []entry{
		{name: "app/one", mode: 0o755, body: goProgram(t)},
		{name: "app/two", mode: 0o755, body: goProgram(t)},
		{name: "app/broken", mode: 0o755, body: broken(0)},
	}
	tests := map[string]struct {
		top  []entry
		want []string
	}{
		"a program":               {[]entry{{name: "app/three", mode: 0o755, body: goProgram(t)}}, []string{"/app/three"}},
		"a broken program":        {[]entry{{name: "app/worse", mode: 0o755, body: broken(1)}}, []string{"/app/broken", "/app/worse"}}, // by catalogers that look into all of them
		"another at its place":    {[]entry{{name: "app/one", mode: 0o755, body: goProgram(t) + "more"}}, []string{"/app/one"}},
		"the same at its place":   {[]entry{{name: "app/one", mode: 0o755, body: goProgram(t)}}, []string{"/app/one"}}, // of another layer
		"a program is deleted":    {[]entry{{name: "app/.wh.one"}}, nil},
		"the licence of a module": {[]entry{{name: "root/go/pkg/mod/example.com/a@v1.0.0/LICENSE", body: mit}}, nil},
		"nothing":                 {[]entry{{name: "app/source.go", body: "package main\n"}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			remembered(t, m, base, one)
			p := readPass(t, imageOf(t, base, one, test.top))
			want := p.document(t, p.resolver(t), nil)
			for _, expected := range [][]string{test.want, nil} {
				r := &opening{knowing: p.resolver(t).(knowing)}
				if got := p.document(t, r, m); got != want {
					t.Errorf("with memory it is another document\n got: %s\nwant: %s", around(got, want), around(want, got))
				}
				slices.Sort(r.paths)
				if got := slices.Compact(r.paths); !slices.Equal(slices.DeleteFunc(got, func(p string) bool { return p == "/etc/os-release" }), expected) {
					t.Errorf("opened were %v, not %v", got, expected)
				}
			}
		})
	}
}

// TestManyPrograms is about more of them than are remembered one by one.
func TestManyPrograms(t *testing.T) {
	for _, count := range []int{sbom.MaxAlone, sbom.MaxAlone + 1} {
		var all []entry
		for n := range count {
			all = append(all, entry{name: fmt.Sprintf("app/%d", n), mode: 0o755, body: fmt.Sprintf("\x7fELF\x02\x01\x01%1000d", n)})
		}
		m := newMemory(t)
		if remembered(t, m, base, all) || !remembered(t, m, base, all) {
			t.Errorf("%d programs are not remembered", count)
		}
		if remembered(t, m, base, all, []entry{{name: "app/more", mode: 0o755, body: "\x7fELF\x02\x01\x01" + strings.Repeat("x", 1000)}}) {
			t.Errorf("%d programs are remembered to be one more", count)
		}
	}
}

// asked notes for which kinds of content a cataloger asks.
type asked struct {
	file.Resolver
	kinds [][]string
}

func (a *asked) FilesByMIMEType(kinds ...string) ([]file.Location, error) {
	a.kinds = append(a.kinds, slices.Sorted(slices.Values(kinds)))
	return nil, nil
}
func (a *asked) FilesByPath(...string) ([]file.Location, error) { return nil, nil }
func (a *asked) FilesByGlob(...string) ([]file.Location, error) { return nil, nil }
func (a *asked) HasPath(string) bool                            { return false }

// TestCatalogersOfProgramsAskForAllOfThem is what running them for each rests on.
func TestCatalogersOfProgramsAskForAllOfThem(t *testing.T) {
	all := sbom.EachAlone()
	if len(all) != 2 {
		t.Errorf("%d catalogers, not 2, run for each program", len(all))
	}
	want := slices.Sorted(slices.Values(sbom.ExecutableKinds()))
	for _, c := range all {
		var a asked
		if _, _, err := c.Catalog(context.Background(), &a); err != nil {
			t.Fatal(err)
		}
		if len(a.kinds) != 1 || !slices.Equal(a.kinds[0], want) {
			t.Errorf("%s asks for %v, not for %v", c.Name(), a.kinds, want)
		}
	}
}
