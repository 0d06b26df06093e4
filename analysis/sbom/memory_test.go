package sbom_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/sbom"
)

// failing fails to open some files.
type failing struct {
	file.Resolver
	fail func(file.Location) error
}

func (f *failing) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	if err := f.fail(l); err != nil {
		return nil, err
	}
	return f.Resolver.FileContentsByLocation(l)
}

func newMemory(t testing.TB) *sbom.Memory {
	t.Helper()
	store := cache.Temporary(t.TempDir())
	t.Cleanup(func() { store.Close() })
	return &sbom.Memory{Store: store, Fingerprint: "rules 1"}
}

// remembered tells whether the document of an image comes from memory, and
// demands that it is the one that is made without.
func remembered(t *testing.T, m *sbom.Memory, layers ...[]entry) bool {
	t.Helper()
	p := readPass(t, imageOf(t, layers...))
	r := p.resolver(t)
	want := p.document(t, r, nil)
	if got := p.document(t, r, m); got != want {
		t.Errorf("with memory it is another document\n got: %s\nwant: %s", around(got, want), around(want, got))
	}
	return len(p.anew) == 0
}

// named is the diff ID of a layer.
func named(t *testing.T, layer []entry) string {
	t.Helper()
	return readPass(t, imageOf(t, layer)).source.Layers[0].DiffID
}

var base = slices.Concat(distro, []entry{
	{name: "usr/lib/node_modules/left-pad/", kind: tar.TypeDir, mode: 0o755}, // syft looks for licences in folders that are described
	{name: "usr/lib/node_modules/left-pad/package.json", body: `{"name":"left-pad","version":"1.2.3"}`},
	{name: "usr/lib/node_modules/left-pad/LICENSE", body: mit},
	{name: "usr/lib/node_modules/left-pad/COPYING", kind: tar.TypeSymlink, link: "LICENSE"},
})

func TestMemory(t *testing.T) {
	app := func(more ...entry) []entry {
		return append([]entry{{name: "app/main.py", body: "print(1)"}}, more...)
	}
	tests := map[string]struct {
		top  []entry
		want bool
	}{
		"nothing changes":             {app(), true},
		"a source file changes":       {[]entry{{name: "app/main.py", body: "print(2)"}}, true},
		"a source file is added":      {app(entry{name: "app/more.py", body: "x = 1"}), true},
		"a source file is deleted":    {[]entry{{name: "app/other.py"}}, true},
		"a package is added":          {app(entry{name: "app/node_modules/right-pad/package.json", body: `{"name":"right-pad","version":"4.5.6"}`}), false},
		"a package is changed":        {app(entry{name: "usr/lib/node_modules/left-pad/package.json", body: `{"name":"left-pad","version":"1.2.4"}`}), false},
		"a package is replaced alike": {app(entry{name: "usr/lib/node_modules/left-pad/package.json", body: `{"name":"left-pad","version":"1.2.3"}`}), false},
		"a licence is added":          {app(entry{name: "usr/lib/node_modules/left-pad/LICENSE.txt", body: mit}), false},
		"a program is added":          {app(entry{name: "app/program", mode: 0o755, body: "\x7fELF" + strings.Repeat("\x02\x01\x01\x00", 500)}), false},
		"the list of packages":        {app(entry{name: "var/lib/dpkg/status", body: strings.Replace(dpkg, "1:1.2.13", "1:1.2.14", 1)}), false},
		"a package's file is deleted": {app(entry{name: "usr/lib/.wh.libz.so"}), true},
		"a package is deleted":        {app(entry{name: "usr/lib/node_modules/.wh.left-pad"}), false},
		"a link leads elsewhere":      {app(entry{name: "usr/lib/node_modules/left-pad/COPYING", kind: tar.TypeSymlink, link: "/usr/share/doc/zlib1g/copyright"}), false},
		"a folder becomes a link":     {app(entry{name: "usr/lib/node_modules", kind: tar.TypeSymlink, link: "/opt"}, entry{name: "opt/left-pad/package.json", body: `{"name":"left-pad","version":"1.2.3"}`}), false},
		"a Nix store is added":        {app(entry{name: "nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-glibc-2.37-8/lib/libc.so", body: "1"}), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			if remembered(t, m, base, app()) {
				t.Fatal("remembered what was never seen")
			}
			if !remembered(t, m, base, app()) {
				t.Error("an unchanged image is catalogued again")
			}
			if got := remembered(t, m, base, test.top); got != test.want {
				t.Errorf("remembered is %v", got)
			}
			if !remembered(t, m, base, test.top) {
				t.Error("the second time it is not remembered")
			}
			if !remembered(t, m, base, app()) {
				t.Error("the first version is forgotten")
			}
			m.Fingerprint = "rules 2"
			if remembered(t, m, base, app()) {
				t.Error("remembered what other rules found")
			}
		})
	}
}

// TestMemoryOfEachCataloger is about which catalogers run again when something
// changes: those alone that asked for it.
func TestMemoryOfEachCataloger(t *testing.T) {
	app := func(more ...entry) []entry { return append([]entry{{name: "app/main.py", body: "print(1)"}}, more...) }
	tests := map[string]struct {
		top  []entry
		want []string
	}{
		"a source file":    {app(entry{name: "app/more.py"}), nil},
		"a package":        {app(entry{name: "app/node_modules/right-pad/package.json", body: `{"name":"right-pad","version":"4.5.6"}`}), []string{"javascript-package-cataloger"}},
		"a Go program":     {app(entry{name: "app/program", mode: 0o755, body: goProgram(t)}), []string{"go-module-binary-cataloger"}},
		"a plain library":  {app(entry{name: "app/library.so", mode: 0o755, body: plain()}), nil},
		"a library's note": {app(entry{name: "app/library.so", mode: 0o755, body: library(note("one"), true)}), []string{"elf-binary-package-cataloger"}},
		"a broken program": {app(entry{name: "app/program", mode: 0o755, body: "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 4000)}), []string{
			"cargo-auditable-binary-cataloger", "elf-binary-package-cataloger", "go-module-binary-cataloger", "graalvm-native-image-cataloger",
		}},
		"packages' list":   {app(entry{name: "var/lib/dpkg/status", body: strings.Replace(dpkg, "1:1.2.13", "1:1.2.14", 1)}), []string{"dpkg-db-cataloger"}},
		"an owned file":    {app(entry{name: "usr/lib/.wh.libz.so"}), nil},
		"a broken package": {app(entry{name: "app/node_modules/broken/package.json", body: `{"name":`}), []string{"javascript-package-cataloger"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			remembered(t, m, base, app())
			p := readPass(t, imageOf(t, base, test.top))
			r := p.resolver(t)
			want := p.document(t, r, nil)
			for _, ran := range [][]string{test.want, nil} {
				if got := p.document(t, r, m); got != want {
					t.Errorf("with memory it is another document\n got: %s\nwant: %s", around(got, want), around(want, got))
				}
				if !slices.Equal(p.anew, ran) {
					t.Errorf("%v ran again, not %v", p.anew, ran)
				}
			}
		})
	}
}

// TestMemoryOfLayersBuiltAnew is about layers that have packages, and of which
// something else changes: their names change with it.
func TestMemoryOfLayersBuiltAnew(t *testing.T) {
	x := entry{name: "app/node_modules/x/package.json", body: `{"name":"x","version":"1.2.3","license":"MIT"}`}
	app := func(source string, more ...entry) []entry {
		return append([]entry{{name: "app/main.js", body: source}, x}, more...)
	}
	os := func(more string) []entry { return append(slices.Clone(base), entry{name: "etc/build", body: more}) }
	tests := map[string]struct {
		first, then [][]entry
		want        bool
	}{
		"a source file changes":      {[][]entry{base, app("1")}, [][]entry{base, app("2")}, true},
		"a source file is added":     {[][]entry{base, app("1")}, [][]entry{base, app("1", entry{name: "app/more.js"})}, true},
		"the layer below changes":    {[][]entry{os("1"), app("1")}, [][]entry{os("2"), app("1")}, false}, // it is not known as a version of the image
		"two layers change":          {[][]entry{base, app("1"), {{name: "b", body: "1"}}}, [][]entry{base, app("2"), {{name: "b", body: "2"}}}, true},
		"a package file changes":     {[][]entry{base, app("1")}, [][]entry{base, app("1", entry{name: "app/node_modules/x/package.json", body: `{"name":"x","version":"1.2.4"}`})}, false},
		"its mode changes":           {[][]entry{base, app("1")}, [][]entry{base, app("1", entry{name: x.name, body: x.body, mode: 0o600})}, false},
		"its time changes":           {[][]entry{base, app("1")}, [][]entry{base, app("1", entry{name: x.name, body: x.body, time: 1800000000})}, true},
		"a layer is put in between":  {[][]entry{base, app("1")}, [][]entry{base, {{name: "b"}}, app("2")}, false},
		"a layer is put on top":      {[][]entry{base, app("1")}, [][]entry{base, app("1"), {{name: "b"}}}, true},
		"a name moves to the other":  {[][]entry{base, app("1"), app("2")}, [][]entry{base, app("2"), app("1")}, false},
		"a package's text names it":  {[][]entry{base, app("1"), {{name: "a/node_modules/y/package.json", body: `{"name":"y","version":"1.0.0","description":"` + named(t, app("1")) + `"}`}}}, [][]entry{base, app("2"), {{name: "a/node_modules/y/package.json", body: `{"name":"y","version":"1.0.0","description":"` + named(t, app("1")) + `"}`}}}, false},
		"a package lies in two":      {[][]entry{base, app("1"), app("3", entry{name: "app/node_modules/x/LICENSE", body: mit})}, [][]entry{base, app("2"), app("3", entry{name: "app/node_modules/x/LICENSE", body: mit})}, true}, // hidden by the upper one
		"files of a package move on": {[][]entry{base, {{name: "usr/lib/libz.so", body: "new"}, {name: "b", body: "1"}}}, [][]entry{base, {{name: "usr/lib/libz.so", body: "new"}, {name: "b", body: "2"}}}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			if remembered(t, m, test.first...) {
				t.Fatal("remembered what was never seen")
			}
			if got := remembered(t, m, test.then...); got != test.want {
				t.Errorf("remembered is %v", got)
			}
			if !remembered(t, m, test.then...) {
				t.Error("the second time it is not remembered")
			}
			if test.want && !remembered(t, m, append(slices.Clone(test.then), []entry{{name: "z"}})...) {
				t.Error("a layer on top of the renamed ones is not remembered")
			}
			if !remembered(t, m, test.first...) {
				t.Error("the first version is forgotten")
			}
		})
	}
}

// TestMemoryOfLayersInAnotherOrder is about the order of places, which follows
// that of the layers.
func TestMemoryOfLayersInAnotherOrder(t *testing.T) {
	m := newMemory(t)
	one := []entry{{name: "a/node_modules/x/package.json", body: `{"name":"x","version":"1.2.3"}`}, {name: "var/lib/dpkg/info/zlib1g:amd64.list", body: "/usr/lib/libz.so\n"}}
	two := []entry{{name: "b/node_modules/x/package.json", body: `{"name":"x","version":"1.2.3"}`}, {name: "usr/share/doc/zlib1g/copyright", body: "License: Zlib\n"}}
	if remembered(t, m, distro, one, two) || remembered(t, m, distro, two, one) {
		t.Error("remembered what has another order")
	}
	if !remembered(t, m, distro, one, two, []entry{{name: "c", body: "1"}}) {
		t.Error("a layer on top of it is no other order")
	}
}

func TestMemoryKeepsNothingOfFailures(t *testing.T) {
	m := newMemory(t)
	p := readPass(t, imageOf(t, base))
	r := p.resolver(t)
	fails := &failing{Resolver: r, fail: func(l file.Location) error {
		if strings.HasSuffix(l.RealPath, "package.json") {
			return errors.New("the disk is gone")
		}
		return nil
	}}
	if doc := p.document(t, withLocations{fails, r}, m); !strings.Contains(doc, "the disk is gone") {
		t.Fatal("nothing failed")
	}
	if doc := p.document(t, r, m); strings.Contains(doc, "the disk is gone") || !strings.Contains(doc, `"left-pad"`) {
		t.Error("what could not be read is remembered")
	}
	if want := []string{"javascript-package-cataloger"}; !slices.Equal(p.anew, want) {
		t.Errorf("%v ran again, and %v failed", p.anew, want)
	}
}

// withLocations has what only our resolver knows from inner.
type withLocations struct {
	file.Resolver
	inner file.Resolver
}

// Digest is what the resolver knows.
func (w withLocations) Digest(l file.Location) ([sha256.Size]byte, bool) {
	return w.inner.(interface {
		Digest(file.Location) ([sha256.Size]byte, bool)
	}).Digest(l)
}

// Locate is what the resolver knows.
func (w withLocations) Locate(p string) (file.Location, bool) {
	return w.inner.(interface {
		Locate(string) (file.Location, bool)
	}).Locate(p)
}

// damaged is a store whose entries are not as they were.
type damaged struct {
	cache.Store
	removed atomic.Int64
}

func (d *damaged) Create(ctx context.Context, kind string) (cache.Pending, error) {
	p, err := d.Store.Create(ctx, kind)
	return flipped{p}, err
}

func (d *damaged) Remove(ctx context.Context, kind, key string) error {
	d.removed.Add(1)
	return d.Store.Remove(ctx, kind, key)
}

type flipped struct{ cache.Pending }

func (f flipped) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	p[len(p)/2] ^= 1
	return f.Pending.Write(p)
}

func TestMemoryThatIsDamaged(t *testing.T) {
	m := newMemory(t)
	store := &damaged{Store: m.Store}
	m.Store = store
	for range 2 {
		if remembered(t, m, base) {
			t.Error("took what is damaged")
		}
	}
	if store.removed.Load() == 0 {
		t.Error("what is damaged stays")
	}
}

type unwritable struct{ cache.Store }

func (unwritable) Create(context.Context, string) (cache.Pending, error) {
	return nil, fs.ErrPermission
}

func TestMemoryThatCannotBeWritten(t *testing.T) {
	m := newMemory(t)
	m.Store = unwritable{m.Store}
	if remembered(t, m, base) || remembered(t, m, base) {
		t.Error("remembered nevertheless")
	}
}

// TestMemoryIsAlwaysRight changes an image by chance, again and again.
func TestMemoryIsAlwaysRight(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := newMemory(t)
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	one := func() entry {
		folder := pick("usr/lib/node_modules/left-pad/", "app/", "usr/lib/", "lib/", "nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-a-1.0/", "usr/share/doc/zlib1g/", "var/lib/dpkg/info/", "var/lib/dpkg/")
		name := pick("package.json", "LICENSE", "libz.so", "main.py", "copyright", "zlib1g:amd64.list", "status", "go.mod", "COPYING")
		switch random.IntN(8) {
		case 0:
			return entry{name: folder + ".wh." + name}
		case 1:
			return entry{name: folder + ".wh..wh..opq"}
		case 2:
			return entry{name: folder + name, kind: tar.TypeSymlink, link: pick("LICENSE", "/app/main.py", "../left-pad", "/usr/lib/libz.so")}
		case 3:
			return entry{name: strings.TrimSuffix(folder, "/"), kind: tar.TypeSymlink, link: pick("/usr/lib", "/app")}
		case 4:
			return entry{name: folder + name, kind: tar.TypeLink, link: pick("app/main.py", "usr/lib/libz.so", "app/COPYING")}
		}
		return entry{name: folder + name, body: pick(dpkg, mit, "x = 1\n", `{"name":"right-pad","version":"4.5.6"}`, "/usr/lib/libz.so\n", "")}
	}
	hits := 0
	for n := range 100 {
		layers := [][]entry{base}
		if n%2 == 0 { // always built anew
			layers = append(layers, []entry{{name: "built", body: strings.Repeat("x", n)}, {name: "app/node_modules/x/package.json", body: `{"name":"x","version":"1.2.3"}`}, {name: "usr/lib/libz.so", body: "its own"}})
		}
		for range 1 + random.IntN(2) {
			var top []entry
			for range 1 + random.IntN(2) {
				top = append(top, one())
			}
			layers = append(layers, top)
		}
		if !readable(t, layers...) {
			continue
		}
		if remembered(t, m, layers...) {
			hits++
		}
		if t.Failed() {
			t.Fatalf("after %+v", layers[1:])
		}
	}
	t.Log(hits, "from memory")
	if hits < 5 {
		t.Errorf("%d of them were remembered", hits)
	}
}

// kept keeps the longest entry that was written.
type kept struct {
	cache.Store
	last []byte
}

func (k *kept) Create(ctx context.Context, kind string) (cache.Pending, error) {
	p, err := k.Store.Create(ctx, kind)
	return &copied{p, k}, err
}

type copied struct {
	cache.Pending
	to *kept
}

func (c *copied) Write(p []byte) (int, error) {
	if len(p) > len(c.to.last) {
		c.to.last = bytes.Clone(p)
	}
	return c.Pending.Write(p)
}
