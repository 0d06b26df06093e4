package vulns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

func TestMatchWithoutDatabase(t *testing.T) {
	got, err := open(t, vulns.Options{}).Match(context.Background(), evidence(t, debianDocument(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := report.Matches{
		Database:        report.Database{Error: "no vulnerability database has been imported or downloaded"},
		Vulnerabilities: []report.Vulnerability{},
		Notes:           []string{"no vulnerability database"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMatch(t *testing.T) {
	d := open(t, vulns.Options{})
	db := load(t, d, "older.tar.zst")
	got, err := d.Match(context.Background(), evidence(t, debianDocument(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(db, got.Database); diff != "" {
		t.Errorf("database (-want +got):\n%s", diff)
	}
	var lines []string
	for _, v := range got.Vulnerabilities {
		lines = append(lines, strings.Join([]string{v.Severity, v.ID, v.Package.Name, v.Package.Version, v.FixState, strings.Join(v.FixVersions, ",")}, " "))
	}
	want := []string{ // no CVE-2019-10906: the package of PyPI is Debian's
		"High CVE-2023-0464 libssl3 3.0.8-1 fixed 3.0.9-1",
		"High CVE-2023-0464 openssl 3.0.8-1 fixed 3.0.9-1",
		"High CVE-2023-44487 libnghttp2-14 1.52.0-1 fixed 1.52.0-1+deb12u1",
		"High CVE-2023-5363 libssl3 3.0.8-1 fixed 3.0.11-1~deb12u2",
		"High CVE-2023-5363 openssl 3.0.8-1 fixed 3.0.11-1~deb12u2",
		"High CVE-2024-2961 libc6 2.36-9+deb12u4 fixed 2.36-9+deb12u6",
		"High CVE-2024-6387 openssh-client 9.2p1-2+deb12u5 fixed 1:9.2p1-2+deb12u3",
		"Low CVE-2016-2781 coreutils 9.1-1 wont-fix ",
		"Negligible CVE-2011-3374 apt 2.6.1 not-fixed ",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Ignored != 1 { // CVE-2024-1086, of which there are only the kernel's headers
		t.Errorf("%d matches set aside, want 1", got.Ignored)
	}
	again, err := d.Match(context.Background(), evidence(t, debianDocument(t)))
	if diff := cmp.Diff(got, again); err != nil || diff != "" {
		t.Errorf("a second time: %v (-first +second):\n%s", err, diff)
	}
}

// One match in full, so that every field is filled from the right source.
func TestMatchDetails(t *testing.T) {
	d := open(t, vulns.Options{})
	load(t, d, "older.tar.zst")
	got, err := d.Match(context.Background(), evidence(t, catalogue(t, tree{"opt/log4j-core-2.14.1.jar": languages["opt/log4j-core-2.14.1.jar"]})))
	if err != nil || len(got.Vulnerabilities) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	v := got.Vulnerabilities[0]
	if v.Package.ID == "" || len(v.Package.CPEs) == 0 {
		t.Errorf("the package has no id or no CPEs: %+v", v.Package)
	}
	v.Package.ID, v.Package.CPEs = "", nil
	cvss := report.CVSS{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Base: 10, Exploitability: 3.9, Impact: 6.1}
	nvd := cvss
	nvd.Source, nvd.Type = "nvd@nist.gov", "Primary"
	cvss.Type = "Secondary"
	want := report.Vulnerability{
		ID: "GHSA-jfh8-c2jp-5v3q", Namespace: "github:language:java", Severity: "Critical",
		Description: "Log4j looks up names that it finds in messages, and runs what it gets.",
		DataSource:  "https://github.com/advisories/GHSA-jfh8-c2jp-5v3q",
		FixState:    "fixed", FixVersions: []string{"2.15.0"}, FixObserved: time.Date(2021, 12, 10, 0, 0, 0, 0, time.UTC),
		Published: time.Date(2021, 12, 10, 0, 0, 0, 0, time.UTC),
		CVSS:      []report.CVSS{cvss},
		Related: []report.Related{{
			ID: "CVE-2021-44228", Namespace: "nvd:cpe", Severity: "Critical", DataSource: "https://nvd.nist.gov/vuln/detail/CVE-2021-44228",
			Description: "Log4j looks up names that it finds in messages, and runs what it gets.", CVSS: []report.CVSS{nvd},
		}},
		EPSS:      []report.EPSS{{CVE: "CVE-2021-44228", Score: 0.94, Percentile: 0.99}},
		Exploited: true, Ransomware: true, CWEs: []string{"CWE-20", "CWE-400", "CWE-502", "CWE-917"}, Risk: 100,
		Package: report.Package{
			Name: "log4j-core", Version: "2.14.1", Type: "java-archive", Language: "java",
			PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Paths: []string{"/opt/log4j-core-2.14.1.jar"},
		},
		Evidence: []report.Evidence{{Type: "exact-direct-match", Matcher: "java-matcher"}},
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMatchNotes(t *testing.T) {
	now := func() time.Time { return older.Add(100 * time.Hour) }
	noDistro := tree{"var/lib/dpkg/status": debian["var/lib/dpkg/status"]}
	strange := tree{"etc/os-release": "ID=strangeos\nVERSION_ID=1\n", "var/lib/dpkg/status": debian["var/lib/dpkg/status"]}
	tests := map[string]struct {
		files tree
		age   time.Duration
		want  []string
	}{
		"nothing to say":       {files: debian, age: 101 * time.Hour},
		"an old database":      {files: debian, age: 99 * time.Hour, want: []string{"the vulnerability database was built on 2026-01-02, more than 99h0m0s ago"}},
		"no distribution":      {files: noDistro, want: []string{"the image does not name its distribution: vulnerabilities of its packages may be missing"}},
		"unknown distribution": {files: strange, want: []string{"the distribution is unknown to grype: vulnerabilities of its packages may be missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t, vulns.Options{MaxAge: test.age, Now: now})
			load(t, d, "older.tar.zst")
			got, err := d.Match(context.Background(), evidence(t, catalogue(t, test.files)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Notes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := strings.HasSuffix(name, " distribution"); got.DistroUnknown != want {
				t.Errorf("the distribution is unknown: %v, want %v", got.DistroUnknown, want)
			}
		})
	}
}

// grype only logs what a matcher cannot compare; a report must tell.
func TestMatchTellsWhatItCouldNotCompare(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vulndb")
	d := open(t, vulns.Options{Dir: dir})
	data := changed(t, `update blobs set value = '{' where id in (select blob_id from affected_package_handles)`)
	if _, err := d.Import(context.Background(), bytes.NewReader(data), "x", "", nil); err != nil {
		t.Fatal(err)
	}
	got, err := d.Match(context.Background(), evidence(t, debianDocument(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "packages could not be compared in full: ") {
		t.Errorf("notes: %q", got.Notes)
	}
}

func TestMatchRefuses(t *testing.T) {
	d := open(t, vulns.Options{})
	load(t, d, "older.tar.zst")
	empty, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	document := debianDocument(t)
	for name, b := range map[string]*bundle.Bundle{
		"no packages part": empty,
		"nothing":          evidence(t, nil),
		"not JSON":         evidence(t, []byte("packages")),
		"other JSON":       evidence(t, []byte(`{"a": 1}`)),
		"CycloneDX":        evidence(t, []byte(`{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}`)),
		"cut off":          evidence(t, document[:len(document)/2]),
		"an unknown shape": evidence(t, []byte(`{"artifacts": {}, "schema": {"version": "16.0.0", "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}}`)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.Match(context.Background(), b)
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%d vulnerabilities, %v", len(got.Vulnerabilities), err)
			}
		})
	}
}

// Packages that somebody made up could have any number of vulnerabilities.
func TestMatchEndsWithTooMany(t *testing.T) {
	t.Cleanup(vulns.LimitMatches(1000))
	d := open(t, vulns.Options{})
	load(t, d, "older.tar.zst")
	many := func(n int) *bundle.Bundle {
		var document map[string]any
		if err := json.Unmarshal(debianDocument(t), &document); err != nil {
			t.Fatal(err)
		}
		var openssl map[string]any // it has two
		for _, a := range document["artifacts"].([]any) {
			if a := a.(map[string]any); a["name"] == "openssl" {
				openssl = a
			}
		}
		var copies []any
		for i := range n {
			c := maps.Clone(openssl)
			c["id"] = fmt.Sprintf("%016x", i+1)
			copies = append(copies, c)
		}
		document["artifacts"], document["artifactRelationships"] = copies, []any{}
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return evidence(t, data)
	}
	got, err := d.Match(t.Context(), many(500))
	if err != nil || len(got.Vulnerabilities) != 1000 {
		t.Errorf("at the limit: %d vulnerabilities, %v", len(got.Vulnerabilities), err)
	}
	got, err = d.Match(t.Context(), many(501))
	if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "its 501 packages have more than 1000 vulnerabilities") {
		t.Errorf("beyond it: %d vulnerabilities, %v", len(got.Vulnerabilities), err)
	}
	if len(got.Vulnerabilities) != 0 {
		t.Error("a part of them was given")
	}
}

// Evidence may come from a stream, as from an object store.
func TestMatchReadsStreams(t *testing.T) {
	temp := t.TempDir()
	d := open(t, vulns.Options{TempDir: temp})
	load(t, d, "older.tar.zst")
	b := evidence(t, nil)
	b.Put(bundle.Part{Kind: bundle.Packages, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(debianDocument(t)))), nil
	}})
	got, err := d.Match(context.Background(), b)
	if err != nil || len(got.Vulnerabilities) != 9 {
		t.Errorf("%d vulnerabilities, %v", len(got.Vulnerabilities), err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Wherever a match is cancelled, it ends with an error and never with a part
// of the vulnerabilities.
func TestMatchStopsWithItsContext(t *testing.T) {
	d := open(t, vulns.Options{})
	load(t, d, "older.tar.zst")
	b := evidence(t, debianDocument(t))
	for patience := int64(0); ; patience++ {
		got, err := d.Match(&impatient{Context: context.Background(), left: patience}, b)
		if err == nil {
			if len(got.Vulnerabilities) != 9 {
				t.Errorf("after %d looks at its context: %d vulnerabilities", patience, len(got.Vulnerabilities))
			}
			if patience < 10 {
				t.Errorf("it looked at its context only %d times", patience)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d looks at its context: %v", patience, err)
		}
	}
}

// impatient is a context that is cancelled once it has been looked at so often.
type impatient struct {
	context.Context
	left int64
}

func (c *impatient) Err() error {
	if atomic.AddInt64(&c.left, -1) < 0 {
		return context.Canceled
	}
	return nil
}
