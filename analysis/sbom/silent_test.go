package sbom_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"

	"github.com/tidepole/tidepole/analysis/sbom"
)

const (
	cargo  = "cargo-auditable-binary-cataloger"
	dotnet = "dotnet-deps-binary-cataloger"
	notes  = "elf-binary-package-cataloger"
	golang = "go-module-binary-cataloger"
	graal  = "graalvm-native-image-cataloger"

	bundleMark = "\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae"
)

// plain is a library without a section for notes.
func plain(needs ...string) string {
	return strings.Replace(library("", true, needs...), ".note.package", ".note.plainly", 1)
}

// renamed is a library with a section of that name, of at most 13 bytes.
func renamed(section string) string {
	return strings.Replace(library(note("one"), true), ".note.package", section+strings.Repeat("\x00", 13-len(section)), 1)
}

// compressed is a library whose first section with names says that it is so.
func compressed() string {
	b := []byte(plain())
	b[sectionHeader(b, 1)+8] |= 8
	b[sectionHeader(b, 1)+9] |= 8
	return string(b)
}

// sectionHeader is where a section of a library is described.
func sectionHeader(b []byte, n int) int {
	at := int(b[40]) | int(b[41])<<8 | int(b[42])<<16
	return at + n*64
}

var programs = map[string]struct {
	body   string // "" is a Go program
	silent []string
}{
	"a Go program":                 {"", []string{cargo, dotnet, notes, graal}},
	"a Go program with UPX's mark": {"UPX", []string{cargo, dotnet, notes, graal}},
	"a library":                    {plain("libm.so"), []string{cargo, dotnet, notes, golang, graal}},
	"a library with UPX's mark":    {plain("UPX!"), []string{cargo, dotnet, notes, graal}},
	"a library with a note":        {library(note("one"), true), []string{cargo, dotnet, golang, graal}},
	"Rust's list of crates":        {renamed(".dep-v0"), []string{dotnet, notes, golang, graal}},
	"an old list of crates":        {renamed(".rust-deps-v0"), []string{dotnet, notes, golang, graal}},
	"a symbol of GraalVM's":        {plain("__svm_version_info"), []string{cargo, dotnet, notes, golang}},
	".NET's mark":                  {plain() + bundleMark, []string{cargo, notes, golang, graal}},
	"a compressed section":         {compressed(), nil},
	"an older compressed section":  {renamed(".zdebug_info"), nil},
	"a damaged file":               {"\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 4000), nil},
	"a library that is cut":        {plain()[:700], nil},
	"a Windows program":            {"MZ" + strings.Repeat("\x00", 58) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00" + strings.Repeat("\x00", 2000), nil},
	"a universal program":          {"\xca\xfe\xba\xbe\x00\x00\x00\x02" + strings.Repeat("\x01", 2000), nil},
}

func body(t *testing.T, of string) []byte {
	switch of {
	case "":
		return []byte(goProgram(t))
	case "UPX":
		b := []byte(goProgram(t))
		copy(b[0x1000-8:], "UPX!") // between the headers and the code
		return b
	}
	return []byte(of)
}

// TestSilentCatalogers is about which catalogers are not shown an executable, and
// that they find nothing in it, and do not complain.
func TestSilentCatalogers(t *testing.T) {
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			content := body(t, p.body)
			silent := sbom.Silences(content)
			if got := slices.Sorted(maps.Keys(silent)); !slices.Equal(got, p.silent) && len(got)+len(p.silent) > 0 {
				t.Errorf("silent are %v, not %v", got, p.silent)
			}
			demandSilence(t, content, silent)
		})
	}
}

// TestSilentCatalogersOfDamagedPrograms says nothing of who is silent, but that
// they are.
func TestSilentCatalogersOfDamagedPrograms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	silent, damaged := 0, 0
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		whole := body(t, programs[name].body)
		if whole = whole[:min(len(whole), 64<<10)]; len(whole) < 1000 {
			continue
		}
		for range 100 {
			content := bytes.Clone(whole)
			for range 1 + r.IntN(3) {
				at := r.IntN(len(content))
				switch r.IntN(3) {
				case 0: // the file's header
					at = r.IntN(64)
				case 1: // those of its sections
					if from := sectionHeader(whole, 0); from < len(whole)-64 {
						at = from + r.IntN(min(len(whole)-from, 6*64))
					}
				}
				content[at] = []byte{0, 1, 8, 0xff, byte(r.IntN(256))}[r.IntN(5)]
			}
			all := sbom.Silences(content)
			demandSilence(t, content, all)
			silent += len(all)
			if len(all) == 0 {
				damaged++
			}
		}
	}
	if silent < 1000 || damaged < 200 {
		t.Errorf("%d silent catalogers and %d files of which nothing is known: that tests little", silent, damaged)
	}
}

func demandSilence(t *testing.T, content []byte, silent map[string]pkg.Cataloger) {
	t.Helper()
	for name, c := range silent {
		packages, relations, err := c.Catalog(context.Background(), oneProgram{content: content})
		if len(packages)+len(relations) > 0 || err != nil {
			t.Errorf("%s finds %d packages and %d relations: %v", name, len(packages), len(relations), err)
		}
	}
}

// oneProgram is an image of one program.
type oneProgram struct {
	file.Resolver
	content []byte
}

func (p oneProgram) FilesByMIMEType(...string) ([]file.Location, error) {
	return []file.Location{file.NewLocation("/usr/bin/program")}, nil
}
func (p oneProgram) FilesByPath(...string) ([]file.Location, error) { return nil, nil }
func (p oneProgram) FilesByGlob(...string) ([]file.Location, error) { return nil, nil }
func (p oneProgram) FileContentsByLocation(file.Location) (io.ReadCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(p.content), io.NopCloser(nil)}, nil
}

func TestFindAcrossParts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 20000 {
		text := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab"[r.IntN(2)]
			}
			return b
		}
		needle, all := string(text(2+r.IntN(6))), text(r.IntN(60))
		var parts [][]byte
		for rest := all; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 9))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		want := bytes.Contains(all, []byte(needle))
		if got := sbom.Find(needle, parts...); got != want {
			t.Fatalf("%q in %q: %v", needle, parts, got)
		}
		if want {
			found++
		}
	}
	if found < 1000 {
		t.Errorf("only %d were there", found)
	}
}
