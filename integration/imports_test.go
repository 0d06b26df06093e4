package integration_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layers are the folders of the module, and what each may import besides itself.
// What is not here may import everything and be imported by nothing but tests.
var layers = map[string][]string{
	"formats":      nil,
	"analysis":     {"formats"},
	"client":       {"formats"},
	"importserver": {"formats"},
}

// confined are packages that only some folders may import.
var confined = []struct {
	what string
	in   []string
}{
	{"github.com/anchore/syft", []string{"analysis"}},
	{"github.com/anchore/stereoscope", []string{"analysis"}},
	{"github.com/anchore/grype", []string{"analysis"}},
	{"github.com/docker", []string{"analysis"}},
	{"github.com/moby", []string{"analysis"}},
	{"github.com/containerd", []string{"analysis"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/getkin/kin-openapi", []string{"importserver"}},
	{"github.com/CycloneDX/cyclonedx-go", []string{"formats"}},
	{"github.com/spf13/viper", []string{"cmd"}},
	{"github.com/glebarez/go-sqlite", []string{"importserver", "analysis"}},
	{"github.com/jackc/pgx", []string{"importserver"}},
	{"modernc.org/sqlite", nil}, // a second driver of one name panics at start
	{"github.com/glebarez/sqlite", nil},
	{"github.com/mattn/go-sqlite3", nil},
	{"github.com/ncruces/go-sqlite3", nil},
}

// within tells whether path is the package root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// offences are the imports that turn the wrong way.
func offences(pkgs []listed) []string {
	var found []string
	for _, p := range pkgs {
		from := name(p.ImportPath)
		if folder(from) == "integration" {
			continue
		}
		for _, to := range p.Imports {
			found = append(found, offence(from, to, false)...)
		}
		for _, to := range append(slices.Clone(p.TestImports), p.XTestImports...) {
			found = append(found, offence(from, to, true)...)
		}
	}
	found = append(found, drivers(pkgs)...)
	slices.Sort(found)
	return slices.Compact(found)
}

// offence judges one import.
func offence(from, to string, test bool) []string {
	if local := name(to); local != "" {
		allowed, layered := layers[folder(from)]
		switch {
		case folder(local) == folder(from):
		case test && folder(local) == "integration": // what several packages test with
		case layered && slices.Contains(allowed, folder(local)):
		case !layered && folder(local) != "integration":
		default:
			return []string{from + " may not import " + local}
		}
		return nil
	}
	for _, c := range confined {
		if within(to, c.what) && !slices.Contains(c.in, folder(from)) {
			return []string{from + " may not import " + to}
		}
	}
	return nil
}

// drivers sees to it that the database driver is imported in one package of a
// folder: that of the store, and that for which syft reads package databases.
func drivers(pkgs []listed) []string {
	users := map[string][]string{}
	for _, p := range pkgs {
		if from := name(p.ImportPath); slices.Contains(p.Imports, "github.com/glebarez/go-sqlite") {
			users[folder(from)] = append(users[folder(from)], from)
		}
	}
	var found []string
	for _, u := range users {
		if len(u) > 1 {
			found = append(found, "only one package may import github.com/glebarez/go-sqlite, not "+strings.Join(u, " and "))
		}
	}
	return found
}

func TestImports(t *testing.T) {
	pkgs := list(t, "./...")
	for _, o := range offences(pkgs) {
		t.Error(o)
	}
	seen := map[string]bool{}
	for _, p := range pkgs {
		seen[folder(name(p.ImportPath))] = true
	}
	for l := range layers {
		if !seen[l] {
			t.Errorf("no package of %s was looked at", l)
		}
	}
}

// TestEngines follows the imports through other modules: one import of a small
// package that links an engine would cost minutes of compiling.
func TestEngines(t *testing.T) {
	for _, p := range list(t, "-deps", "./client/...", "./importserver/...", "./formats/...") {
		for _, c := range confined {
			if slices.Equal(c.in, []string{"analysis"}) && within(p.ImportPath, c.what) {
				t.Errorf("client, importserver or formats link %s; see go list -deps", p.ImportPath)
			}
		}
	}
}

func TestOffences(t *testing.T) {
	const m = module
	for _, c := range []struct {
		name string
		pkgs []listed
		want []string
	}{
		{name: "arrows point down", pkgs: []listed{
			{ImportPath: m + "cmd/tidepole", Imports: []string{"os", m + "client", m + "importserver", m + "analysis", "github.com/spf13/cobra"}},
			{ImportPath: m + "client", Imports: []string{m + "formats/wire", "net/http"}},
			{ImportPath: m + "importserver/store", Imports: []string{m + "formats/bundle", "github.com/glebarez/go-sqlite"}},
			{ImportPath: m + "analysis/sbom", Imports: []string{"github.com/glebarez/go-sqlite"}},
			{ImportPath: m + "analysis/image", Imports: []string{m + "analysis/layers", "github.com/moby/moby/client"}},
		}},
		{name: "client imports the store", pkgs: []listed{{ImportPath: m + "client", Imports: []string{m + "importserver/store"}}},
			want: []string{"client may not import importserver/store"}},
		{name: "a test of the client imports the server", pkgs: []listed{{ImportPath: m + "client", XTestImports: []string{m + "importserver"}}},
			want: []string{"client may not import importserver"}},
		{name: "server imports the analysis", pkgs: []listed{{ImportPath: m + "importserver/worker", Imports: []string{m + "analysis"}}},
			want: []string{"importserver/worker may not import analysis"}},
		{name: "analysis imports the client", pkgs: []listed{{ImportPath: m + "analysis", Imports: []string{m + "client"}}},
			want: []string{"analysis may not import client"}},
		{name: "formats turn back", pkgs: []listed{{ImportPath: m + "formats/wire", Imports: []string{m + "client"}}},
			want: []string{"formats/wire may not import client"}},
		{name: "somebody imports the commands", pkgs: []listed{{ImportPath: m + "client", Imports: []string{m + "cmd/internal/cli"}}},
			want: []string{"client may not import cmd/internal/cli"}},
		{name: "the program imports what is for tests", pkgs: []listed{{ImportPath: m + "cmd/tidepole", Imports: []string{m + "integration"}}},
			want: []string{"cmd/tidepole may not import integration"}},
		{name: "a test imports what is for tests", pkgs: []listed{{ImportPath: m + "analysis/vulns", TestImports: []string{m + "integration/vulndbtest"}}}},
		{name: "engine outside the analysis", pkgs: []listed{{ImportPath: m + "cmd/tidepole", Imports: []string{"github.com/anchore/grype/grype"}}},
			want: []string{"cmd/tidepole may not import github.com/anchore/grype/grype"}},
		{name: "a name that only begins alike", pkgs: []listed{{ImportPath: m + "client", Imports: []string{"github.com/anchore/syft-notes"}}}},
		{name: "flags outside cmd", pkgs: []listed{{ImportPath: m + "importserver", Imports: []string{"github.com/spf13/viper"}}},
			want: []string{"importserver may not import github.com/spf13/viper"}},
		{name: "a second driver", pkgs: []listed{{ImportPath: m + "importserver/store", Imports: []string{"modernc.org/sqlite"}}},
			want: []string{"importserver/store may not import modernc.org/sqlite"}},
		{name: "the driver in two packages", pkgs: []listed{
			{ImportPath: m + "importserver/store", Imports: []string{"github.com/glebarez/go-sqlite"}},
			{ImportPath: m + "importserver/queue", Imports: []string{"github.com/glebarez/go-sqlite"}},
		}, want: []string{"only one package may import github.com/glebarez/go-sqlite, not importserver/store and importserver/queue"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, offences(c.pkgs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
