package sbom_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/sbom"
)

// program is a small ELF program that Go built.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "program-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "program"), source)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	data, err := os.ReadFile(filepath.Join(dir, "program"))
	return string(data), err
})

func goProgram(t testing.TB) string {
	t.Helper()
	data, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// library is a shared library of nothing but names: those it exports, those of
// the libraries it needs, and the note on the package it belongs to.
func library(note string, exports bool, needs ...string) string {
	var names, symbols, dynamic, notes bytes.Buffer
	names.WriteByte(0)
	name := func(s string) uint32 {
		at := names.Len()
		names.WriteString(s + "\x00")
		return uint32(at)
	}
	put := func(b *bytes.Buffer, v any) { binary.Write(b, binary.LittleEndian, v) }
	put(&symbols, elf.Sym64{})
	if exports {
		put(&symbols, elf.Sym64{Name: name("run"), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1, Value: 1})
	}
	for _, n := range needs {
		put(&dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(name(n))})
	}
	put(&dynamic, elf.Dyn64{})
	if note != "" {
		body := note + strings.Repeat("\x00", (4-len(note)%4)%4)
		put(&notes, []uint32{4, uint32(len(body)), 0xcafe1a7e})
		notes.WriteString("FDO\x00" + body)
	}
	sections := []struct {
		name string
		head elf.Section64
		data []byte
	}{
		{"", elf.Section64{}, nil},
		{".dynstr", elf.Section64{Type: uint32(elf.SHT_STRTAB)}, names.Bytes()},
		{".dynsym", elf.Section64{Type: uint32(elf.SHT_DYNSYM), Link: 1, Entsize: elf.Sym64Size}, symbols.Bytes()},
		{".dynamic", elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Link: 1, Entsize: 16}, dynamic.Bytes()},
		{".note.package", elf.Section64{Type: uint32(elf.SHT_NOTE), Addralign: 4}, notes.Bytes()},
		{".shstrtab", elf.Section64{Type: uint32(elf.SHT_STRTAB)}, nil},
	}
	var titles, data, heads, out bytes.Buffer
	at := func() uint64 { return 64 + uint64(data.Len()) }
	for i := range sections {
		s := &sections[i]
		s.head.Name = uint32(titles.Len())
		titles.WriteString(s.name + "\x00")
	}
	sections[5].data = titles.Bytes()
	for _, s := range sections {
		s.head.Off, s.head.Size = at(), uint64(len(s.data))
		data.Write(s.data)
		data.Write(make([]byte, (8-data.Len()%8)%8))
		put(&heads, s.head)
	}
	data.Write(make([]byte, 1024)) // syft wants to read a sector
	put(&out, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: at(), Ehsize: 64,
		Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: 5,
	})
	return out.String() + data.String() + heads.String()
}

func note(name string) string {
	return `{"type":"rpm","name":"` + name + `","version":"1.2.3","architecture":"x86_64","osCpe":"cpe:/o:fedoraproject:fedora:40"}`
}

var hostile = map[string][][]entry{
	"packages in files of others":                       {owning},
	"packages in files of a layer below":                {owning, {{name: "usr/share/nodejs/x/package.json", body: `{"name":"x","version":"1.0.1"}`}, {name: "usr/share/nodejs/new/package.json", body: `{"name":"y","version":"1.0.0"}`}}},
	"a Go program":                                      {distro, {{name: "usr/bin/program", mode: 0o755, body: "PROGRAM"}, {name: "usr/bin/same", kind: tar.TypeLink, link: "usr/bin/program"}, {name: "bin", kind: tar.TypeSymlink, link: "usr/bin"}}},
	"an executable below a link":                        {{{name: "bin", kind: tar.TypeSymlink, link: "usr/bin"}, {name: "usr/bin/", kind: tar.TypeDir, mode: 0o755}}, {{name: "bin/program", mode: 0o755, body: "PROGRAM"}}},
	"executables that are none":                         {{{name: "short", body: "\x7fELF\x02\x01\x01"}, {name: "broken", body: "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 4000)}, {name: "pe", body: "MZ" + strings.Repeat("\x00", 58) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00" + strings.Repeat("\xff", 2000)}, {name: "macho", body: "\xfe\xed\xfa\xcf" + strings.Repeat("\xff", 2000)}, {name: "fat", body: "\xca\xfe\xba\xbe\x00\x00\x00\x02" + strings.Repeat("\x01", 2000)}, {name: "cut", body: library("", true, "libm.so")[:700]}}},
	"packages that binaries tell of":                    {{{name: "usr/lib/libone.so", body: library(note("one"), true, "libtwo.so", "libnone.so", "libplain.so")}, {name: "usr/lib/libtwo.so.1", body: library(note("two"), true)}, {name: "usr/lib/libtwo.so", kind: tar.TypeSymlink, link: "libtwo.so.1"}, {name: "usr/lib/libplain.so", body: library("", true)}, {name: "usr/lib/libquiet.so", body: library("", false, "libone.so")}}},
	"binaries of a distribution":                        {distro, {{name: "usr/lib/libz.so", body: library(note("zlib"), true, "libone.so")}, {name: "usr/lib/libone.so", body: library(note("one"), true, "libz.so", "libz.so")}}},
	"a Nix store":                                       {{{name: "nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-glibc-2.37-8/", kind: tar.TypeDir, mode: 0o755}, {name: "nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-glibc-2.37-8/lib/libc.so", body: "1"}, {name: "opt/nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-bash-5.2/bin/bash", body: "2"}}},
	"Bitnami's packages, which have names of their own": {distro, {{name: "opt/bitnami/p/.spdx-p.spdx", body: spdx("SPDXRef-postgresql", "SPDXRef-geos", "SPDXRef-0000", "SPDXRef-zz.z-1")}, {name: "opt/bitnami/p/bin/p", body: "x"}, {name: "opt/bitnami/p/package.json", body: `{"name":"x","version":"1.0.0"}`}}},
	"an Ubuntu whose support a snap tells of":           {{{name: "etc/os-release", body: "ID=ubuntu\nVERSION_ID=\"20.04\"\nPRETTY_NAME=\"Ubuntu 20.04\"\n"}, {name: "usr/share/snappy/dpkg.yaml", body: "package-repositories: []\npackages:\n  - libc6=2.31-0ubuntu9.16+esm1\n"}}},
	"a package without a name that owns files":          {{{name: "etc/alpine-release", body: "3.20.0\n"}, {name: "lib/apk/db/installed", body: "V:1\nF:b\nR:package.json\n\nP:own\nV:1\nF:a\nR:l\n\n"}, {name: "b/package.json", body: `{"name":"x","version":"1.0.0"}`}, {name: "a/l", kind: tar.TypeSymlink, link: "/b/package.json"}}},
	"a binary in a file of a package":                   {owning, {{name: "usr/share/nodejs/busybox", body: "\x00BusyBox v1.36.1 (x)\x00"}, {name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/busybox\n"}}},
	"a binary in a file of a package, by a link":        {owning, {{name: "usr/share/nodejs/busybox", body: "\x00BusyBox v1.36.1 (x)\x00"}, {name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/busybox\n"}}},
	"a binary in files of two packages":                 {owning, {{name: "usr/share/nodejs/busybox", body: "\x00BusyBox v1.36.1 (x)\x00"}, {name: "var/lib/dpkg/info/one.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/busybox\nd41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/x/package.json\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/python3/p-1.dist-info/METADATA\n"}, {name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/busybox\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/x/package.json\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/python3/p-1.dist-info/RECORD\n"}}},
	"a binary in a file of Python's":                    {owning, {{name: "usr/share/nodejs/busybox", body: "\x00BusyBox v1.36.1 (x)\x00"}, {name: "usr/lib/python3/p-1.dist-info/RECORD", body: "/usr/share/nodejs/busybox,,\n/usr/share/nodejs/x/package.json,,\n"}}},
	"an owner of an owner of a binary, by a link":       {owning, {{name: "usr/share/nodejs/busybox", body: "\x00BusyBox v1.36.1 (x)\x00"}, {name: "usr/lib2", kind: tar.TypeSymlink, link: "lib"}, {name: "usr/lib/python3/p-1.dist-info/RECORD", body: "/usr/share/nodejs/busybox,,\n"}, {name: "var/lib/dpkg/info/one.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/lib/python3/p-1.dist-info/METADATA\n"}, {name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/busybox\nd41d8cd98f00b204e9800998ecf8427e  usr/lib2/python3/p-1.dist-info/METADATA\n"}}},
	"a database that is broken in part":                 {{{name: "etc/alpine-release", body: "3.20.0\n"}, {name: "lib/apk/db/installed", body: "P:own\nV:1\nF:a\nR:l\nbroken\n\n"}}},
	"packages of Ubuntu's extended maintenance":         {{{name: "etc/os-release", body: "ID=ubuntu\nVERSION_ID=\"20.04\"\nPRETTY_NAME=\"Ubuntu 20.04\"\n"}, {name: "var/lib/dpkg/status", body: "Package: one\nStatus: install ok installed\nVersion: 1+esm2\n\nPackage: two\nStatus: install ok installed\nVersion: 2\n\n"}, {name: "var/lib/dpkg/info/one.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  a/package.json\n"}, {name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  b/package.json\n"}, {name: "a/package.json", body: `{"name":"x","version":"1.0.0"}`}, {name: "b", kind: tar.TypeSymlink, link: "a"}}},
	"a jar in a jar that is none":                       {{{name: "app/outer-1.2.3.jar", body: jar()}}},
	"a damaged package.json and a jar":                  {{{name: "a/package.json", body: "{"}, {name: "a/b.jar", body: "PK\x03\x04 no"}, {name: "c/METADATA", body: "x"}, {name: "site-packages/p-1.dist-info/METADATA", body: "Name: p\nVersion: 1\n"}, {name: "site-packages/p-1.dist-info/RECORD", body: "p/__init__.py,,\n../../a/package.json,sha256=x,1\n"}, {name: "site-packages/p/__init__.py"}}},
	"the same package in many layers":                   {distro, {{name: "a/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}}, {{name: "b/node_modules/x/package.json", body: `{"name":"x","version":"1.0.0"}`}}, {{name: "c/\xff/package.json", body: `{"name":"x","version":"1.0.0"}`}}},
}

// jar is an archive of Java that has another one in it, which cannot be read.
func jar() string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nImplementation-Title: outer\nImplementation-Version: 1.2.3\n", "inner.jar": "none",
	} {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// spdx is a document as Bitnami's images have it, of packages with these identities.
func spdx(ids ...string) string {
	var packages, relations []string
	for n, id := range ids {
		packages = append(packages, fmt.Sprintf(`{"SPDXID":%q,"name":"p%d","versionInfo":"1.0.%d","downloadLocation":"NOASSERTION","licenseConcluded":"MIT","licenseDeclared":"MIT","filesAnalyzed":false,`+
			`"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:bitnami/p%d@1.0.%d?arch=amd64&distro=debian-12"}],"copyrightText":"NOASSERTION"}`, id, n, n, n, n))
		if n > 0 {
			relations = append(relations, fmt.Sprintf(`{"spdxElementId":%q,"relationshipType":"CONTAINS","relatedSpdxElement":%q}`, ids[0], id))
		}
	}
	return fmt.Sprintf(`{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3","creationInfo":{"created":"2024-12-01T00:00:00.000Z","creators":["Organization: x"]},"name":"SPDX document","dataLicense":"CC0-1.0",`+
		`"documentDescribes":[%q],"documentNamespace":"p-1","packages":[%s],"files":[],"relationships":[%s]}`, ids[0], strings.Join(packages, ","), strings.Join(relations, ","))
}

// owning is two packages of Debian and one of Python that own what packages of Node
// were found by: as they are, by a link, and by a link to what another one owns.
var owning = []entry{
	{name: "var/lib/dpkg/status", body: "Package: one\nStatus: install ok installed\nVersion: 1\n\nPackage: two\nStatus: install ok installed\nVersion: 2\n\n"},
	{name: "var/lib/dpkg/info/one.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/x/package.json\nd41d8cd98f00b204e9800998ecf8427e  usr/share/doc/one/copyright\nd41d8cd98f00b204e9800998ecf8427e  nowhere\n"},
	{name: "var/lib/dpkg/info/two.md5sums", body: "d41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/x/package.json\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/y/package.json\nd41d8cd98f00b204e9800998ecf8427e  usr/lib/nodejs/y\nd41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/z/package.json\n"},
	{name: "usr/share/doc/one/copyright", body: "License: Zlib\n"},
	{name: "usr/lib/nodejs", kind: tar.TypeSymlink, link: "../share/nodejs"},
	{name: "usr/share/nodejs/x/package.json", body: `{"name":"x","version":"1.0.0"}`},
	{name: "usr/share/nodejs/y/package.json", body: `{"name":"y","version":"1.0.0"}`},
	{name: "usr/share/nodejs/z", kind: tar.TypeSymlink, link: "y"},
	{name: "usr/lib/python3/p-1.dist-info/METADATA", body: "Name: p\nVersion: 1\n"},
	{name: "usr/lib/python3/p-1.dist-info/RECORD", body: "p/__init__.py,,\n../nodejs/x/package.json,,\n../../share/nodejs/y/package.json,,\n"},
	{name: "usr/lib/python3/p/__init__.py"},
}

func TestHostileImagesAreSyfts(t *testing.T) {
	for name, layers := range hostile {
		t.Run(name, func(t *testing.T) {
			for i := range layers {
				for j := range layers[i] {
					if layers[i][j].body == "PROGRAM" {
						layers[i][j].body = goProgram(t)
					}
				}
			}
			img := imageOf(t, layers...)
			want := theirs(t, img)
			m := newMemory(t)
			for range 2 { // the second time, from memory
				if got := open(t, img).streamed(t, m); got != want {
					t.Errorf("differs from syft's own\n got: %s\nwant: %s", around(got, want), around(want, got))
				}
			}
			switch name {
			case "Bitnami's packages, which have names of their own":
				if !strings.Contains(want, `"parent":"postgresql"`) {
					t.Errorf("the test has no such packages: %s", want)
				}
			case "packages that binaries tell of":
				if !strings.Contains(want, `"dependency-of"`) {
					t.Error("the test has no dependencies")
				}
			case "packages in files of others":
				if n := strings.Count(want, `"ownership-by-file-overlap"`); n != 2 {
					t.Errorf("the test has %d overlaps", n)
				}
			case "a binary in a file of a package", "a binary in a file of a package, by a link", "a binary in files of two packages":
				if strings.Contains(want, `"name":"busybox"`) {
					t.Error("the test has a binary that belongs to no package")
				}
			case "a binary in a file of Python's":
				if !strings.Contains(want, `"files":["/usr/share/nodejs/busybox"]`) {
					t.Error("the test has no binary that belongs to a package")
				}
			case "a database that is broken in part":
				if !strings.Contains(want, `"apk-db-cataloger: `) || !strings.Contains(want, `"name":"own"`) {
					t.Errorf("the test has nothing that syft fails at: %s", want)
				}
			case "packages of Ubuntu's extended maintenance":
				if !strings.Contains(want, `"extendedSupport":true`) {
					t.Error("the test has no such packages")
				}
			case "executables that are none":
				if !strings.Contains(want, "file-executable-cataloger: ") {
					t.Error("the test has nothing that syft fails at")
				}
			}
		})
	}
}

func TestGapsOfStreamedDocuments(t *testing.T) {
	o := open(t, imageOf(t, []entry{{name: "a", body: "1"}}, []entry{{name: "b", body: "2"}}))
	at := o.source.Layers[0].DiffID
	gap := func(path, reason string) sbom.Gap { return sbom.Gap{Path: path, Layer: at, Reason: reason} }
	text := o.streamed(t, nil, gap("/a", "one"), gap("/gone", "two"), gap("/a", "two"), gap("/gone", "one"), gap("/a", "one"), gap("/0", "one"), gap("/0", "two"))
	if strings.Count(text, `"unknowns":["one","two"]`) != 3 {
		t.Error(text)
	}
	var order []int
	for _, p := range []string{`"/0"`, `"/a"`, `"/gone"`, `"/b"`} {
		order = append(order, strings.Index(text, `{"path":`+p))
	}
	for i := range order[1:] {
		if order[i] < 0 || order[i] > order[i+1] {
			t.Errorf("places %v in %s", order, text)
		}
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	o := open(t, imageOf(t, base))
	ctx, cancel := context.WithCancelCause(t.Context())
	c, err := sbom.Catalog(ctx, o.resolver, o.source, newMemory(t))
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("the user pressed a key")
	cancel(why)
	many := &repeated{o, 5000}
	if err := c.Write(ctx, &bytes.Buffer{}, sbom.Tool{}, many); !errors.Is(err, why) {
		t.Errorf("write: %v", err)
	}
	if _, err := sbom.Catalog(ctx, o.resolver, o.source, newMemory(t)); !errors.Is(err, why) {
		t.Errorf("catalog: %v", err)
	}
}

// repeated is one file at many paths.
type repeated struct {
	*opened
	count int
}

func (r *repeated) Len() int { return r.count }
func (r *repeated) At(n int) (string, []byte) {
	return r.places[0].FileSystemID, []byte("/" + strings.Repeat("x", n))
}
func (r *repeated) Row(int) sbom.Row { return r.rows[0] }

func FuzzEntry(f *testing.F) {
	m := newMemory(f)
	store := &kept{Store: m.Store}
	m.Store = store
	p := readPass(f, imageOf(f, base))
	r := p.resolver(f)
	p.document(f, r, m)
	if len(store.last) < 100 {
		f.Fatal("nothing was remembered")
	}
	f.Add(store.last[:len(store.last)-32])
	f.Add([]byte("tidepole catalogue 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if again, err := sbom.ParseEntry(sbom.SignEntry(data), r); err == nil {
			if _, err := sbom.ParseEntry(again, r); err != nil {
				t.Error(err)
			}
		}
		sbom.UnpackPackage(data)
		sbom.CutTrace(data)
		sbom.ReadExecutables(data)
	})
	runtime.KeepAlive(m)
}

func TestEntriesAreReadBack(t *testing.T) {
	m := newMemory(t)
	store := &kept{Store: m.Store}
	m.Store = store
	p := readPass(t, imageOf(t, base))
	r := p.resolver(t)
	p.document(t, r, m)
	entry := store.last
	again, err := sbom.ParseEntry(entry, r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entry, again); diff != "" {
		t.Error("it is another when it is written again")
	}
	for n := range entry {
		if _, err := sbom.ParseEntry(entry[:n], r); err == nil {
			t.Fatalf("the first %d bytes are an entry", n)
		}
	}
}
