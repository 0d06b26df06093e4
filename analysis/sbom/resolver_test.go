package sbom_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/sbom"
)

// resolvers are ours, over records, and syft's own.
func resolvers(t testing.TB, ctx context.Context, layers ...[]entry) (ours, theirs file.Resolver) {
	t.Helper()
	img := imageOf(t, layers...)
	p := readPass(t, img)
	return sbom.Watch(ctx, p.tree.Resolver(t.Context(), p.open)), open(t, img).resolver
}

func TestResolverFindsWhatSyftsDoes(t *testing.T) {
	ours, theirs := resolvers(t, t.Context(),
		[]entry{
			{name: "usr/lib/m/LICENSE", body: "1"}, {name: "usr/lib/m/license.md", body: "2"}, {name: "usr/lib/m/a-license", kind: tar.TypeSymlink, link: "LICENSE"},
			{name: "usr/lib/m/b-license", kind: tar.TypeSymlink, link: "../n/other"}, {name: "usr/lib/m/c-license", kind: tar.TypeSymlink, link: "../n/other"},
			{name: "usr/lib/n/other", body: "3"}, {name: "usr/lib/m/sub-license/", kind: tar.TypeDir, mode: 0o755}, {name: "usr/lib/m/sub-license/x"},
			{name: "usr/lib/m/dead-license", kind: tar.TypeSymlink, link: "none"}, {name: "usr/lib/m/h-license", kind: tar.TypeLink, link: "usr/lib/m/LICENSE"},
			{name: "usr/lib/m/gone-license", body: "4"}, {name: "usr/lib/m/.hidden-license", body: "5"}, {name: "usr/lib/m/lic[e]nse", body: "6"},
			{name: "lib", kind: tar.TypeSymlink, link: "usr/lib"}, {name: "lib/q/below-license"}, {name: "usr/lib/q/real-license"}, {name: "top-license", body: "7"},
		},
		[]entry{{name: "usr/lib/m/.wh.gone-license"}, {name: "lib/n/late-license", body: "8"}, {name: "usr/lib/m/LICENSE", body: "9"}},
	)
	for _, pattern := range []string{
		"/usr/lib/m/*icense*", "/usr/lib/m/*LICENSE*", "/usr/lib/m/{LICENSE,license.md}", "/usr/lib/m/[Ll]*", "/usr/lib/m/?-license",
		"/usr/lib/m/b-license", "/usr/lib/m/*-license", "/lib/m/*icense*", "/lib/n/*", "/usr/lib/n/*", "/usr/lib/m/*", "/usr/lib/m/**", "/*license", "/*",
		"/usr/lib/*/other", "**/*license*", "/nowhere/*x", "/lib/q/*license", "/usr/lib/q/*license", "/lib/n/*license", "/usr/lib/n/*license", "/usr/lib/m/lic\\[e\\]nse", "/usr/lib/m/.*license", "/usr/lib/m/", "*license*", "/usr/lib/m/{LICENSE,sub-license/x}",
		"/usr//lib/m/*icense*", "/usr/lib/n/../m/*icense*",
	} {
		want, err := theirs.FilesByGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ours.FilesByGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(paths(want), paths(got)); diff != "" {
			t.Errorf("%s (-syft +ours):\n%s", pattern, diff)
		}
	}
	want, _ := theirs.FilesByGlob("/usr/lib/m/*LICENSE*", "/usr/lib/m/*icense*")
	got, _ := ours.FilesByGlob("/usr/lib/m/*LICENSE*", "/usr/lib/m/*icense*")
	if diff := cmp.Diff(paths(want), paths(got)); diff != "" {
		t.Errorf("two patterns (-syft +ours):\n%s", diff)
	}
}

func paths(locations []file.Location) [][2]string {
	var list [][2]string
	for _, l := range locations {
		list = append(list, [2]string{l.AccessPath, l.RealPath})
	}
	return list
}

func TestResolverEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	ours, _ := resolvers(t, ctx, []entry{{name: "a", body: "content"}})
	locations, err := ours.FilesByPath("/a")
	if err != nil || len(locations) != 1 {
		t.Fatal(locations, err)
	}
	r, err := ours.FileContentsByLocation(locations[0])
	if err != nil {
		t.Fatal(err)
	}
	at, ok := r.(io.ReaderAt)
	if !ok {
		t.Fatal("catalogers would read the file into memory")
	}
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the user pressed a key")
	cancel(why)
	errs := map[string]error{}
	_, errs["read"] = r.Read(make([]byte, 1))
	_, errs["read at"] = at.ReadAt(make([]byte, 1), 0)
	_, errs["open"] = ours.FileContentsByLocation(locations[0])
	_, errs["by path"] = ours.FilesByPath("/a")
	_, errs["by glob"] = ours.FilesByGlob("/*x")
	_, errs["by type"] = ours.FilesByMIMEType("text/plain")
	for what, err := range errs {
		if !errors.Is(err, why) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
