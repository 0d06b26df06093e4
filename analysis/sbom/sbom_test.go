package sbom_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	syftsbom "github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// entry is one entry of a layer's tar, in the order given.
type entry struct {
	name string
	kind byte // 0 is a regular file
	body string
	link string
	mode int64
	uid  int
	time int64 // 0 is always the same
}

func imageOf(t testing.TB, layers ...[]entry) v1.Image {
	t.Helper()
	img := empty.Image
	for _, l := range layers {
		raw := tarOf(t, l)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func tarOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Uid: e.uid, ModTime: time.Unix(1700000000, 0)}
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.body))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if e.time != 0 {
			h.ModTime = time.Unix(e.time, 0)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// ours is the document of an image that was read into records.
func ours(t testing.TB, img v1.Image) string {
	t.Helper()
	p := readPass(t, img)
	return p.document(t, p.resolver(t), nil)
}

// scanner saves theirs from building syft's licence scanner each time.
var scanner = sync.OnceValues(func() (context.Context, error) {
	return syft.SetContextLicenseScanner(context.Background(), cataloging.DefaultLicenseConfig())
})

// syfts is what syft makes of an image by itself.
func syfts(t testing.TB, img v1.Image) *syftsbom.SBOM {
	t.Helper()
	ctx, err := scanner()
	if err != nil {
		t.Fatal(err)
	}
	read := image.New(img, nil, t.TempDir(), image.WithManifest(raw(t, img.RawManifest)))
	if err := read.Read(ctx); err != nil {
		t.Fatal(err)
	}
	defer read.Cleanup()
	src := stereoscopesource.New(read, stereoscopesource.ImageConfig{Reference: "example.com/a:b"})
	s, err := syft.CreateSBOM(ctx, src, syft.DefaultCreateSBOMConfig().
		WithFilesConfig(filecataloging.DefaultConfig().WithSelection(file.AllFilesSelection)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// theirs is the document of that.
func theirs(t testing.TB, img v1.Image) string {
	t.Helper()
	s := syfts(t, img)
	s.Descriptor.Name, s.Descriptor.Version, s.Descriptor.Configuration = "test", "", nil
	for _, reasons := range s.Artifacts.Unknowns {
		slices.Sort(reasons) // syft has them as its catalogers happen to end
	}
	var buf bytes.Buffer
	if err := syftjson.NewFormatEncoder().Encode(&buf, *s); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// used are the catalogers that syft takes by itself, sorted.
func used(t testing.TB, img v1.Image) []string {
	t.Helper()
	s := syfts(t, img)
	data, err := json.Marshal(s.Descriptor.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	var trail struct{ Catalogers struct{ Used []string } }
	if err := json.Unmarshal(data, &trail); err != nil {
		t.Fatal(err)
	}
	return trail.Catalogers.Used
}

func raw(t testing.TB, read func() ([]byte, error)) []byte {
	t.Helper()
	data, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const dpkg = `Package: zlib1g
Status: install ok installed
Maintainer: Nobody <nobody@example.com>
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1

`

var distro = []entry{
	{name: "etc/", kind: tar.TypeDir, mode: 0o755},
	{name: "etc/os-release", body: "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n"},
	{name: "var/lib/dpkg/status", body: dpkg},
	{name: "var/lib/dpkg/info/zlib1g:amd64.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/lib/libz.so\n"},
	{name: "var/lib/dpkg/info/zlib1g:amd64.list", body: "/usr/lib/libz.so\n"},
	{name: "usr/lib/libz.so"},
	{name: "usr/share/doc/zlib1g/copyright", body: "License: Zlib\n"},
}

// TestSameAsSyft is about what syft says of packages, licences, relationships,
// files, digests and unknowns: we must not say anything else.
func TestSameAsSyft(t *testing.T) {
	npm := func(name string) []entry {
		dir := "usr/lib/node_modules/" + name + "/"
		return []entry{
			{name: dir + "package.json", body: fmt.Sprintf(`{"name":%q,"version":"1.2.3","license":"SEE LICENSE IN LICENCE"}`, name)},
			{name: dir + "LICENSE", body: mit},
			{name: dir + "license.link", kind: tar.TypeSymlink, link: "LICENSE"},
			{name: dir + "also-licensed", kind: tar.TypeSymlink, link: "LICENSE"},
		}
	}
	tests := []struct {
		name   string
		layers [][]entry
	}{
		{"no layers", nil},
		{"packages", [][]entry{distro, npm("left-pad"), npm("right-pad")}},
		{"a file that is overwritten and one that is deleted", [][]entry{
			{{name: "a", body: "1"}, {name: "b", body: "2"}, {name: "d/e", body: "3"}},
			{{name: "a", body: "one"}, {name: ".wh.b"}},
		}},
		{"an opaque folder", [][]entry{
			{{name: "d/x", body: "1"}, {name: "d/y/z", body: "2"}},
			{{name: "d/.wh..wh..opq"}, {name: "d/new", body: "3"}},
		}},
		{"a folder deleted and made again", [][]entry{
			{{name: "d/x", body: "1"}},
			{{name: ".wh.d"}},
			{{name: "d/x", body: "2"}},
		}},
		{"hard links", [][]entry{
			{{name: "bin/a", body: "same"}, {name: "bin/b", kind: tar.TypeLink, link: "bin/a"}, {name: "bin/c", kind: tar.TypeLink, link: "/bin/b"}, {name: "bin/lost", kind: tar.TypeLink, link: "bin/nowhere"}},
			{{name: "bin/.wh.a"}},
		}},
		{"a hard link whose target is replaced", [][]entry{
			{{name: "a", body: "old"}, {name: "b", kind: tar.TypeLink, link: "a"}, {name: "a", body: "new"}},
		}},
		{"a hard link to itself, and to a folder", [][]entry{
			{{name: "d/", kind: tar.TypeDir, mode: 0o755}, {name: "s", kind: tar.TypeLink, link: "s"}, {name: "t", kind: tar.TypeLink, link: "d"}},
		}},
		{"a hard link to a symbolic link", [][]entry{
			{{name: "a", body: "x"}, {name: "l", kind: tar.TypeSymlink, link: "a"}, {name: "h", kind: tar.TypeLink, link: "l"}},
		}},
		{"hard links through a symbolic link", [][]entry{
			{{name: "usr/bin/a", body: "a"}, {name: "bin", kind: tar.TypeSymlink, link: "usr/bin"}, {name: "bin/b", body: "b"},
				{name: "c", kind: tar.TypeLink, link: "bin/a"}, {name: "d", kind: tar.TypeLink, link: "usr/bin/b"},
				{name: "usr/bin/b", body: "changed"}, {name: "e", kind: tar.TypeLink, link: "bin/b"}, {name: "f", kind: tar.TypeLink, link: "usr/bin/b"}},
			{{name: "bin/b", body: "through the link"}, {name: "g", kind: tar.TypeLink, link: "usr/bin/b"}, {name: "h", kind: tar.TypeLink, link: "bin/b"}},
			{{name: "x/b", body: "1"}, {name: "y", kind: tar.TypeSymlink, link: "x"}, {name: "y/b", body: "2"}, {name: "i", kind: tar.TypeLink, link: "x/b"}, {name: "j", kind: tar.TypeLink, link: "y/b"}},
		}},
		{"hard links to what is written through a symbolic link later", [][]entry{
			{{name: "y", kind: tar.TypeSymlink, link: "x"}, {name: "y/b", body: "2"}, {name: "i", kind: tar.TypeLink, link: "x/b"}, {name: "x/b", body: "1"}, {name: "j", kind: tar.TypeLink, link: "y/b"}, {name: "k", kind: tar.TypeLink, link: "x/b"}},
		}},
		{"symbolic links", [][]entry{
			{{name: "a", body: "x"}, {name: "up", kind: tar.TypeSymlink, link: "../../a"}, {name: "dead", kind: tar.TypeSymlink, link: "/none"},
				{name: "loop1", kind: tar.TypeSymlink, link: "loop2"}, {name: "loop2", kind: tar.TypeSymlink, link: "loop1"}, {name: "self", kind: tar.TypeSymlink, link: "self"}},
			{{name: "usr/lib/", kind: tar.TypeDir, mode: 0o755}, {name: "lib", kind: tar.TypeSymlink, link: "usr/lib"}},
			{{name: "lib/y", body: "y"}},
		}},
		{"setuid, setgid, sticky and owners", [][]entry{
			{{name: "su", mode: 0o4755, body: "x"}, {name: "sg", mode: 0o2755, uid: 1000}, {name: "tmp/", kind: tar.TypeDir, mode: 0o1777}, {name: "none", mode: 0, uid: 65534}},
		}},
		{"devices and pipes", [][]entry{
			{{name: "dev/null", kind: tar.TypeChar, mode: 0o666}, {name: "dev/sda", kind: tar.TypeBlock}, {name: "run/p", kind: tar.TypeFifo}},
		}},
		{"odd names", [][]entry{
			{{name: "./dot", body: "1"}, {name: "/abs", body: "2"}, {name: "a//b", body: "3"}, {name: "../up", body: "4"}, {name: "new\nline", body: "5"},
				{name: "bad\xff\xfeutf", body: "6"}, {name: "esc\x1b[31m", body: "7"}, {name: strings.Repeat("long/", 100) + "x", body: "8"}, {name: "tri/../al", body: "9"}, {name: "glob*[x]", body: "10"}},
		}},
		{"empty files", [][]entry{{{name: "empty"}, {name: "also"}}}},
		{"a path twice in one layer", [][]entry{
			{{name: "a", body: "first"}, {name: "a", body: "second"}, {name: "b", body: "file"}, {name: "b/", kind: tar.TypeDir, mode: 0o755}, {name: "c", kind: tar.TypeSymlink, link: "a"}, {name: "c", body: "no link"}},
		}},
		{"the same layer twice", [][]entry{
			{{name: "a", body: "1"}}, {{name: ".wh.a"}}, {{name: "a", body: "1"}},
		}},
		{"a file in place of a folder, and the other way", [][]entry{
			{{name: "d/x", body: "1"}, {name: "f", body: "2"}},
			{{name: "d", body: "3"}, {name: "f/y", body: "4"}},
		}},
		{"a large file", [][]entry{{{name: "large", body: strings.Repeat("0123456789abcdef", 200_000)}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			img := imageOf(t, test.layers...)
			got, want := ours(t, img), theirs(t, img)
			if got != want {
				t.Errorf("differs from syft's own\n got: %s\nwant: %s", around(got, want), around(want, got))
			}
			if streamed := open(t, img).streamed(t, nil); streamed != want {
				t.Errorf("over syft's resolver it differs from syft's own\n got: %s\nwant: %s", around(streamed, want), around(want, streamed))
			}
			if again := ours(t, img); again != got {
				t.Errorf("two runs differ\n one: %s\n two: %s", around(got, again), around(again, got))
			}
		})
	}
}

// around shows where a differs from b.
func around(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return fmt.Sprintf("…%s…", a[max(0, n-300):min(len(a), n+300)])
}

const mit = `MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`
