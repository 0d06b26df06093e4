package vulns_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/report"
)

// realDatabase names an archive of a large database; comparing with it as well
// finds more than the small one can.
const realDatabase = "TIDEPOLE_TEST_VULNDB"

// TestEqualsGrype builds the grype command of the version that is linked here
// and compares what both say of the same documents and the same database.
func TestEqualsGrype(t *testing.T) {
	command := filepath.Join(t.TempDir(), "grype")
	build := exec.Command("go", "build", "-o", command, "github.com/anchore/grype/cmd/grype")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build grype: %v\n%s", err, out)
	}
	documents := map[string][]byte{
		"debian": catalogue(t, debian), "old debian": catalogue(t, oldDebian),
		"alpine": catalogue(t, alpine), "old alpine": catalogue(t, oldAlpine),
		"languages": catalogue(t, languages), "rpm, go and cpe": rpms(t),
		"go program": catalogueDir(t, filepath.Dir(command)),
	}
	t.Run("small database", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "older.tar.zst")
		if err := os.WriteFile(name, archive("older.tar.zst"), 0o600); err != nil {
			t.Fatal(err)
		}
		compare(t, command, name, documents, map[string]int{
			"debian": 9, "alpine": 1, "languages": 10, "rpm, go and cpe": 6, "go program": 2,
		})
	})
	t.Run("real database", func(t *testing.T) {
		name := os.Getenv(realDatabase)
		if name == "" {
			t.Skipf("NOT COMPARED on a real database: %s names none", realDatabase)
		}
		compare(t, command, name, documents, nil)
	})
}

// compare also wants the given number of matches, where one is given, so that
// two empty results do not pass for equal ones.
func compare(t *testing.T, command, database string, documents map[string][]byte, want map[string]int) {
	d := open(t, vulns.Options{})
	f, err := os.Open(database)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := d.Import(context.Background(), f, database, "", nil); err != nil {
		t.Fatal(err)
	}
	g := grype{t: t, command: command, home: t.TempDir()}
	g.run("db", "import", database)
	total := 0
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			ours, err := d.Match(context.Background(), evidence(t, document))
			if err != nil {
				t.Fatal(err)
			}
			theirs, ignored := g.scan(document)
			if diff := gocmp.Diff(theirs, simplify(ours.Vulnerabilities), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-grype +ours):\n%s", diff)
			}
			if ours.Ignored != ignored {
				t.Errorf("%d matches set aside, by grype %d", ours.Ignored, ignored)
			}
			if n, ok := want[name]; ok && n != len(ours.Vulnerabilities) {
				t.Errorf("%d matches, want %d: %s", len(ours.Vulnerabilities), n, names(ours.Vulnerabilities))
			}
			for _, note := range ours.Notes { // grype does not tell of releases that a database has no records of
				if !strings.HasPrefix(note, "the vulnerability database has no records of ") {
					t.Errorf("note: %q", note)
				}
			}
			total += len(ours.Vulnerabilities)
		})
	}
	t.Logf("compared %d matches", total)
}

func names(vs []report.Vulnerability) string {
	var all []string
	for _, v := range vs {
		all = append(all, v.ID+" "+v.Package.Name)
	}
	return strings.Join(all, ", ")
}

// simplify leaves out what grype's JSON does not tell, and sorts what it gives
// in another order.
func simplify(vs []report.Vulnerability) []report.Vulnerability {
	vs = slices.Clone(vs)
	for i := range vs {
		v := &vs[i]
		v.Published = time.Time{}
		slices.Sort(v.FixVersions)
		slices.Sort(v.URLs)
		slices.Sort(v.Package.Paths)
	}
	sortMatches(vs)
	return vs
}

func sortMatches(vs []report.Vulnerability) {
	slices.SortFunc(vs, func(a, b report.Vulnerability) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Package.ID, b.Package.ID))
	})
}

// grype runs the command with a home of its own and no network.
type grype struct {
	t       testing.TB
	command string
	home    string
}

func (g grype) run(args ...string) []byte {
	g.t.Helper()
	cmd := exec.Command(g.command, args...)
	cmd.Dir = g.home
	cmd.Env = []string{
		"HOME=" + g.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + g.home,
		"GRYPE_DB_CACHE_DIR=" + filepath.Join(g.home, "db"), "GRYPE_DB_AUTO_UPDATE=false",
		"GRYPE_DB_VALIDATE_AGE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false",
	}
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("grype %s: %v\n%s", strings.Join(args, " "), err, errors.String())
	}
	return out
}

func (g grype) scan(document []byte) (matches []report.Vulnerability, ignored int) {
	g.t.Helper()
	name := filepath.Join(g.home, "sbom.json")
	if err := os.WriteFile(name, document, 0o600); err != nil {
		g.t.Fatal(err)
	}
	var doc grypeDocument
	if err := json.Unmarshal(g.run("sbom:"+name, "-o", "json"), &doc); err != nil {
		g.t.Fatal(err)
	}
	for _, m := range doc.Matches {
		matches = append(matches, m.report())
	}
	sortMatches(matches)
	return matches, len(doc.IgnoredMatches)
}
