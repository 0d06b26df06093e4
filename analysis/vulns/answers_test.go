package vulns_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anchore/grype/grype/pkg"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/report"
)

// renamed is a document whose packages are the same ones elsewhere: their IDs and
// places are others.
func renamed(t testing.TB, document []byte) []byte {
	t.Helper()
	var read struct {
		Artifacts []struct{ ID string }
	}
	if err := json.Unmarshal(document, &read); err != nil || len(read.Artifacts) == 0 {
		t.Fatalf("%d packages, %v", len(read.Artifacts), err)
	}
	text := string(document)
	for _, a := range read.Artifacts {
		other := []byte(a.ID)
		slices.Reverse(other)
		text = strings.ReplaceAll(text, a.ID, string(other))
	}
	return []byte(strings.ReplaceAll(text, `"path":"/`, `"path":"/elsewhere/`))
}

// found are the matches of a bundle, without when the database came.
func found(t testing.TB, d *vulns.Database, b *bundle.Bundle) report.Matches {
	t.Helper()
	m, err := d.Match(context.Background(), b)
	if err != nil || len(m.Vulnerabilities) == 0 {
		t.Fatalf("%d vulnerabilities, %v", len(m.Vulnerabilities), err)
	}
	m.Database.Imported = time.Time{}
	return m
}

// What was found for an image's packages is found for the same packages of
// another image: with their own IDs, places and owners.
func TestPackagesOfAnotherImage(t *testing.T) {
	documents := map[string][]byte{
		"Debian, with packages that others own": debianDocument(t),
		"languages":                             catalogue(t, languages),
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			other := evidence(t, renamed(t, document))
			fresh := open(t, vulns.Options{})
			load(t, fresh, "older.tar.zst")
			want := found(t, fresh, other)
			used := open(t, vulns.Options{})
			load(t, used, "older.tar.zst")
			found(t, used, evidence(t, document))
			for range 2 { // what the first was given is not changed by it
				if diff := cmp.Diff(want, found(t, used, other)); diff != "" {
					t.Errorf("(-fresh +used):\n%s", diff)
				}
			}
		})
	}
}

// A new database is asked anew.
func TestAnswersEndWithTheirDatabase(t *testing.T) {
	fresh := open(t, vulns.Options{})
	load(t, fresh, "newer.tar.zst")
	b := evidence(t, debianDocument(t))
	want := found(t, fresh, b)
	d := open(t, vulns.Options{})
	for _, name := range []string{"older.tar.zst", "newer.tar.zst"} {
		load(t, d, name)
		found(t, d, b)
	}
	if diff := cmp.Diff(want, found(t, d, b)); diff != "" {
		t.Errorf("(-fresh +used):\n%s", diff)
	}
}

// What is remembered is told apart by all that matchers look at. A field that
// grype adds has to be looked at: does a matcher use it?
func TestPackagesThatAreAlike(t *testing.T) {
	want := []string{
		"ID", "Name", "Version", "Locations", "Language", "Distro", "Licenses", "Type", "CPEs", "PURL", "Upstreams", "Metadata",
		"Annotations", "RelatedPackages",
	}
	var got []string
	for i := range reflect.TypeFor[pkg.Package]().NumField() {
		got = append(got, reflect.TypeFor[pkg.Package]().Field(i).Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields of a package (-known +grype's):\n%s", diff)
	}
}
