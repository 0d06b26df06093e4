package openvex_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/openvex"
	"github.com/tidepole/tidepole/formats/report"
)

func TestStatementNamesImagePackagesAndRemedy(t *testing.T) {
	s := report.Subject{Image: report.Image{Digest: "sha256:ab"}, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Tool: "1.0"}
	fixed := report.Vulnerability{ID: "CVE-1", DataSource: "https://d.test/1", FixVersions: []string{"2"}, Related: []report.Related{{ID: "GHSA-1"}}}
	one, two := fixed, fixed
	one.Package = report.Package{Name: "a", Version: "1", PURL: "pkg:deb/a@1"}
	two.Package = report.Package{Name: "a", Version: "0"}
	open := report.Vulnerability{ID: "CVE-2", Package: one.Package}
	var out bytes.Buffer
	if err := openvex.Write(&out, s, []report.Vulnerability{one, two, open}); err != nil {
		t.Fatal(err)
	}
	var got openvex.Document
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	id := got.ID
	image := func(parts ...openvex.Product) []openvex.Product {
		const purl = "pkg:oci/image@sha256%3Aab"
		return []openvex.Product{{ID: purl, Identifiers: map[string]string{"purl": purl}, Hashes: map[string]string{"sha-256": "ab"}, Parts: parts}}
	}
	want := openvex.Document{
		Context: "https://openvex.dev/ns/v0.2.0", ID: id, Author: "tidepole", Timestamp: s.At, Version: 1, Tooling: "tidepole/1.0",
		Statements: []openvex.Statement{
			{
				Vulnerability: openvex.Vulnerability{ID: "https://d.test/1", Name: "CVE-1", Aliases: []string{"GHSA-1"}}, Status: "affected",
				Action: "Update a to 2.", Products: image(openvex.Product{ID: "pkg:deb/a@1"}, openvex.Product{ID: "pkg:generic/a@0"}),
			},
			{Vulnerability: openvex.Vulnerability{Name: "CVE-2"}, Status: "affected", Action: "No fix of a is known.", Products: image(openvex.Product{ID: "pkg:deb/a@1"})},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var other bytes.Buffer
	if err := openvex.Write(&other, s, nil); err != nil {
		t.Fatal(err)
	}
	var none openvex.Document
	if err := json.Unmarshal(other.Bytes(), &none); err != nil || none.Statements == nil || none.ID == id {
		t.Errorf("of nothing: %+v, %v", none, err)
	}
}
