package sbom_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/format/syftjson/model"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/google/go-cmp/cmp"

	own "github.com/tidepole/tidepole/analysis/sbom"
)

// odd is texts that writers of JSON, and of lists, get wrong.
var odd = []string{
	"", "/", "/usr/bin/env", "/a/b.jar", "é", "\xff\xfe", "new\nline", "\x00", "\x1b[2J", `"quoted"`, `back\slash`,
	"<html>&amp;</html>", "\u2028\u2029", "\x7f", "日本語", "a\xc3", strings.Repeat("long/", 500), "sha256:" + strings.Repeat("ab", 32),
}

func TestIdentityIsSyfts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := func() string {
		if random.IntN(2) == 0 {
			return odd[random.IntN(len(odd))]
		}
		b := make([]byte, random.IntN(100))
		for i := range b {
			b[i] = byte(random.IntN(256))
		}
		return string(b)
	}
	for range 20_000 {
		c := file.Coordinates{RealPath: text(), FileSystemID: text()}
		switch random.IntN(3) {
		case 0:
			c.FullPath = text()
		case 1:
			c.FullPath = c.RealPath + "!/" + text()
		}
		if got, want := own.Identity(c), string(c.ID()); got != want {
			t.Fatalf("%q is %s, syft's %s", c, got, want)
		}
	}
}

func TestRowsAreSyfts(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	text := func() string { return odd[random.IntN(len(odd))] }
	for n := range 3000 {
		at := file.Coordinates{RealPath: text(), FileSystemID: text()}
		if random.IntN(4) == 0 {
			at.FullPath = text()
		}
		row := own.Row{
			Type: stereofile.Type(random.IntN(11)), Mode: fs.FileMode(random.Uint32()), Link: text(), UID: random.IntN(1 << 20), GID: -random.IntN(3),
			MIME: text(), Size: random.Int64(), SHA256: strings.Repeat("0f", 32*random.IntN(2)),
		}
		var reasons []string
		for range random.IntN(3) {
			reasons = append(reasons, text()+strconv.Itoa(n))
		}
		s := sbom.SBOM{Artifacts: sbom.Artifacts{
			FileMetadata: map[file.Coordinates]file.Metadata{at: {
				FileInfo: stereofile.ManualInfo{NameValue: "x", SizeValue: row.Size, ModeValue: row.Mode},
				Type:     row.Type, LinkDestination: row.Link, UserID: row.UID, GroupID: row.GID, MIMEType: row.MIME,
			}},
			Unknowns: map[file.Coordinates][]string{at: reasons},
		}}
		if row.SHA256 != "" {
			s.Artifacts.FileDigests = map[file.Coordinates][]file.Digest{at: {{Algorithm: "sha256", Value: row.SHA256}}}
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(syftjson.ToFormatModel(s, syftjson.DefaultEncoderConfig()).Files[0]); err != nil {
			t.Fatal(err)
		}
		got := own.RowJSON(at, &row, nil, reasons)
		if diff := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), got); diff != "" {
			t.Fatalf("(-syft +ours):\n%s", diff)
		}
	}
}

func TestRelationsAreSyfts(t *testing.T) {
	for _, data := range []any{nil, map[string]any{"files": []string{"/a<b>"}}, []string{}, ""} {
		for _, kind := range []artifact.RelationshipType{artifact.ContainsRelationship, artifact.DependencyOfRelationship, "<\"new\">"} {
			for _, ofImage := range []bool{false, true} {
				m := model.Relationship{Parent: "00000000000000a1", Child: "fedcba9876543210", Type: string(kind), Metadata: data}
				if ofImage {
					m.Parent = ""
				}
				var want bytes.Buffer
				enc := json.NewEncoder(&want)
				enc.SetEscapeHTML(false)
				if err := enc.Encode(m); err != nil {
					t.Fatal(err)
				}
				got, err := own.RelationJSON(0xa1, 0xfedcba9876543210, kind, data, ofImage)
				if err != nil || got+"\n" != want.String() {
					t.Errorf("got %s, want %s; error %v", got, want.String(), err)
				}
			}
		}
	}
}

func TestQuestionsAreReadBack(t *testing.T) {
	for _, a := range odd {
		kind, what, ok := own.Questions('6', a)
		if !ok || kind != '6' || !slices.Equal(what, []string{a}) {
			t.Errorf("%q comes back as %q", a, what)
		}
		for _, b := range odd {
			_, what, ok := own.Questions('2', a, b, a)
			if !ok || !slices.Equal(what, []string{a, b, a}) {
				t.Errorf("%q and %q come back as %q", a, b, what)
			}
		}
	}
	if _, what, ok := own.Questions('4'); !ok || len(what) != 0 {
		t.Errorf("nothing comes back as %q", what)
	}
}

func TestTracesAreReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 5000} {
		var questions []string
		for i := range n {
			questions = append(questions, odd[i%len(odd)]+strconv.Itoa(i))
		}
		slices.Sort(questions)
		layers := slices.Clone(odd[:n%len(odd)])
		back, ids, ok := own.Trace(questions, layers)
		if !ok || !slices.Equal(back, questions) || !slices.Equal(ids, layers) {
			t.Errorf("%d questions come back as %d", n, len(back))
		}
	}
}

// TestHeldPackagesAreFoundTwice joins what catalogers found of one package.
func TestHeldPackagesAreFoundTwice(t *testing.T) {
	at := func(path string) file.Location {
		return file.NewLocationFromCoordinates(file.NewCoordinates(path, "sha256:1"))
	}
	found := func(path string) pkg.Package {
		p := pkg.Package{Name: "a", Version: "1", Type: pkg.NpmPkg, Locations: file.NewLocationSet(at(path))}
		p.OverrideID("00000000000000aa")
		return p
	}
	owner := pkg.Package{Name: "b", Version: "1", Type: pkg.DebPkg, Metadata: pkg.DpkgDBEntry{Package: "b"}, Locations: file.NewLocationSet(at("/b"))}
	owner.OverrideID("00000000000000bb")
	packages := own.JoinHeld([]pkg.Package{owner}, []pkg.Package{found("/x"), found("/y")})
	if len(packages) != 2 {
		t.Errorf("%d packages", len(packages))
	}
	for _, p := range packages {
		if p.Name == "a" && len(p.Locations.ToSlice()) != 2 {
			t.Errorf("a is at %v", p.Locations.ToSlice())
		}
	}
}
