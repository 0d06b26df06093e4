package cyclonedx_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/tidepole/tidepole/formats/cyclonedx"
	"github.com/tidepole/tidepole/formats/report"
)

var (
	subject = report.Subject{
		Image: report.Image{Tag: "reg.test:5000/team/App:1.2", Digest: "sha256:" + strings.Repeat("a", 64)},
		At:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Tool: "1.0",
	}
	ssl    = report.Package{ID: "p1", Name: "openssl", Version: "3.0", Type: "deb", PURL: "pkg:deb/debian/openssl@3.0"}
	libssl = report.Package{ID: "p2", Name: "libssl3", Version: "3.0", Type: "deb", PURL: "pkg:deb/debian/libssl3@3.0"}
	found  = []report.Vulnerability{
		{
			ID: "CVE-1", Namespace: "debian:distro:debian:12", Severity: "High", Description: "bad", DataSource: "https://d.test/CVE-1",
			FixState: "fixed", FixVersions: []string{"3.1"}, CWEs: []string{"CWE-79", "other"}, Package: ssl,
			CVSS:    []report.CVSS{{Source: "nvd", Version: "3.1", Vector: "CVSS:3.1/AV:N", Base: 7.5}},
			Related: []report.Related{{ID: "CVE-1", Namespace: "nvd:cpe"}, {ID: "GHSA-1", Namespace: "github"}},
		},
		{ID: "CVE-2", Namespace: "n", Severity: "Negligible", FixState: "wont-fix", Package: ssl},
		{ID: "CVE-2", Namespace: "n", Severity: "Negligible", FixState: "wont-fix", Package: report.Package{Name: "openssl", Type: "deb", Version: "2"}},
		{ID: "CVE-1", Namespace: "debian:distro:debian:12", FixState: "not-fixed", Package: libssl},
	}
)

func write(t *testing.T, format cdx.BOMFileFormat, verdicts bool) (string, cdx.BOM) {
	t.Helper()
	var out bytes.Buffer
	if err := cyclonedx.Write(&out, format, subject, found, verdicts); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(&out, format).Decode(&b); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return text, b
}

func TestDocumentListsWhatWasFound(t *testing.T) {
	for _, format := range []cdx.BOMFileFormat{cyclonedx.JSON, cyclonedx.XML} {
		text, b := write(t, format, true)
		if again, _ := write(t, format, true); again != text {
			t.Error("the same matches give other bytes")
		}
		if b.Metadata.Component.PackageURL != "pkg:oci/app@sha256%3A"+strings.Repeat("a", 64)+"?repository_url=reg.test%3A5000%2Fteam%2Fapp&tag=1.2" {
			t.Errorf("image: %s", b.Metadata.Component.PackageURL)
		}
		if len(*b.Components) != 3 || len(*b.Vulnerabilities) != 3 {
			t.Fatalf("%d components, %d vulnerabilities", len(*b.Components), len(*b.Vulnerabilities))
		}
		one, two := (*b.Vulnerabilities)[0], (*b.Vulnerabilities)[1]
		if one.ID != "CVE-1" || (*one.CWEs)[0] != 79 || len(*one.CWEs) != 1 || *(*one.Ratings)[0].Score != 7.5 || (*one.Ratings)[1].Severity != cdx.SeverityHigh ||
			len(*one.References) != 1 || (*one.References)[0].ID != "GHSA-1" || (*one.Affects)[0].Ref != "package-p1" || one.Recommendation != "Update openssl to 3.1." {
			t.Errorf("first: %+v", one)
		}
		if one.Analysis.State != cdx.IASExploitable || (*one.Analysis.Response)[0] != cdx.IARUpdate || (*two.Analysis.Response)[0] != cdx.IARWillNotFix || len(*two.Affects) != 2 {
			t.Errorf("verdicts: %+v, %+v", one.Analysis, two.Analysis)
		}
	}
}

func TestListWithoutVerdictsSaysNone(t *testing.T) {
	_, b := write(t, cyclonedx.JSON, false)
	if (*b.Vulnerabilities)[0].Analysis != nil {
		t.Errorf("%+v", (*b.Vulnerabilities)[0].Analysis)
	}
}
