package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

var unknownScore = wire.CVSSScore{Base: -1, Exploitability: -1, Impact: -1}

func TestPackageType(t *testing.T) {
	tests := []struct {
		syft, name string
		os         bool
	}{
		{"deb", "dpkg", true}, {"rpm", "rpm", true}, {"apk", "apkg", true}, {"alpm", "alpm", true}, {"msrc-kb", "kb", true},
		{"java-archive", "java", false}, {"jenkins-plugin", "java", false}, {"go-module", "go", false}, {"npm", "npm", false},
		{"python", "python", false}, {"gem", "gem", false}, {"binary", "binary", false}, {"", "", false},
	}
	for _, x := range tests {
		if name, os := wire.PackageType(x.syft); name != x.name || os != x.os {
			t.Errorf("PackageType(%q) = %q, %v; want %q, %v", x.syft, name, os, x.name, x.os)
		}
	}
}

func TestVulnerabilitiesOf(t *testing.T) {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	matches := report.Matches{
		Database: report.Database{Present: true, Digest: "xxh64:1"},
		Notes:    []string{"a note"},
		Vulnerabilities: []report.Vulnerability{
			{
				ID: "CVE-1", Namespace: "debian:distro:debian:12", Severity: "High", Description: "bad", DataSource: "https://a.test",
				FixState: "fixed", FixVersions: []string{"2", "3"}, FixObserved: seen, Exploited: true, Risk: 7,
				EPSS: []report.EPSS{{CVE: "CVE-1", Score: 0.1, Percentile: 0.2}},
				CVSS: []report.CVSS{{Source: "debian", Type: "Secondary", Version: "3.1", Base: 5, Exploitability: -1, Impact: -1}},
				Related: []report.Related{{ID: "CVE-1", Namespace: "nvd:cpe", CVSS: []report.CVSS{
					{Source: "nvd", Type: "Primary", Version: "2.0", Base: 4, Exploitability: 3, Impact: 2},
					{Source: "nvd", Type: "Primary", Version: "3.0", Base: 7, Exploitability: 6, Impact: 5},
					{Source: "nvd", Type: "Primary", Version: "4.0", Base: 9},
				}}},
				Package: report.Package{Name: "openssl", Version: "1", Type: "deb", PURL: "pkg:deb/x", CPEs: []string{"cpe:2.3:a"}, Paths: []string{"/var/lib/dpkg/status"}},
			},
			{ID: "GHSA-2", FixState: "wont-fix", Related: []report.Related{{ID: "CVE-2", Namespace: "nvd:cpe"}}, Package: report.Package{Name: "x", Type: "java-archive"}},
		},
	}
	full := wire.Vulnerability{
		ID: "CVE-1", Severity: "High", Fix: "2,3", URL: "https://a.test", Package: "openssl-1", PackageName: "openssl", PackageVersion: "1",
		PackageType: "dpkg", PackageCPE: "cpe:2.3:a", PackagePath: "/var/lib/dpkg/status", PURL: "pkg:deb/x", Feed: "vulnerabilities",
		FeedGroup: "debian:distro:debian:12", Description: "bad", FixObservedAt: &seen, SuggestedFix: "2", Exploited: true, Risk: 7,
		EPSS:   []wire.EPSS{{Score: 0.1, Percentile: 0.2}},
		NVD:    []wire.Score{{ID: "CVE-1", Source: "nvd", Type: "Primary", CVSS2: wire.CVSSScore{Base: 4, Exploitability: 3, Impact: 2}, CVSS3: wire.CVSSScore{Base: 7, Exploitability: 6, Impact: 5}}},
		Vendor: []wire.Score{{ID: "CVE-1", Source: "debian", Type: "Secondary", CVSS2: unknownScore, CVSS3: wire.CVSSScore{Base: 5, Exploitability: -1, Impact: -1}}},
	}
	bare := wire.Vulnerability{
		ID: "GHSA-2", Severity: "Unknown", Fix: "None", URL: "None", Package: "x-", PackageName: "x", PackageVersion: "None", PackageType: "java",
		PackageCPE: "None", PackagePath: "None", Feed: "vulnerabilities", FeedGroup: "None", WillNotFix: true, EPSS: []wire.EPSS{},
		NVD: []wire.Score{{ID: "CVE-2", CVSS2: unknownScore, CVSS3: unknownScore}}, Vendor: []wire.Score{},
	}
	undescribed := full
	undescribed.Description = ""
	tests := []struct {
		name   string
		filter wire.VulnerabilityFilter
		kind   string
		items  []wire.Vulnerability
	}{
		{"all", wire.VulnerabilityFilter{Descriptions: true}, "all", []wire.Vulnerability{full, bare}},
		{"without descriptions", wire.VulnerabilityFilter{Type: "os"}, "os", []wire.Vulnerability{undescribed}},
		{"of other packages", wire.VulnerabilityFilter{Type: "non-os"}, "non-os", []wire.Vulnerability{bare}},
		{"what the vendor will fix", wire.VulnerabilityFilter{VendorOnly: true}, "all", []wire.Vulnerability{undescribed}},
		{"none", wire.VulnerabilityFilter{Type: "non-os", VendorOnly: true}, "non-os", []wire.Vulnerability{}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			want := wire.Vulnerabilities{Digest: "sha256:d", Type: x.kind, Items: x.items, Database: matches.Database, Notes: matches.Notes}
			if diff := cmp.Diff(want, wire.VulnerabilitiesOf("sha256:d", matches, x.filter)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvaluationOf(t *testing.T) {
	mapping := &policy.Mapping{ID: "m"}
	e := report.Evaluation{
		Status: "fail", FinalAction: "stop", FinalActionReason: "policy_evaluation", PolicyAction: "warn", ImageMapped: true, MappedBy: mapping,
		Findings: []report.Finding{{TriggerID: "t"}},
	}
	p := policy.Policy{ID: "p", RuleSets: []policy.RuleSet{{ID: "s", Rules: []policy.Rule{{ID: "r"}}}}, Allowlists: []policy.Allowlist{{ID: "a"}}, Mappings: []policy.Mapping{*mapping}}
	db := report.Database{Error: "none"}

	brief := wire.EvaluationOf(e, p, db, false)
	want := wire.Evaluation{
		Status: "fail", FinalAction: "stop", FinalActionReason: "policy_evaluation", ImageMapped: true,
		MappedBy: &policy.Mapping{ID: "m", RuleSetIDs: []string{}, AllowlistIDs: []string{}},
		Findings: 1, Problems: []report.Problem{}, Database: db,
	}
	if diff := cmp.Diff(want, brief); diff != "" {
		t.Errorf("brief (-want +got):\n%s", diff)
	}

	detail := wire.EvaluationOf(e, p, db, true)
	if diff := cmp.Diff(e.Findings, detail.Details.Findings); diff != "" || detail.Details.Action != "warn" {
		t.Errorf("detail (-want +got):\n%s", diff)
	}
	data, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	for _, required := range []string{`"rules":[{`, `"params":[]`, `"items":[]`, `"rule_set_ids":[]`, `"allowlist_ids":[]`, `"evaluation_problems":[]`, `"matched_allowlisted_images_rule":null`} {
		if !strings.Contains(string(data), required) {
			t.Errorf("%s lacks %s", data, required)
		}
	}
	if p.RuleSets[0].Rules[0].Params != nil || mapping.RuleSetIDs != nil {
		t.Error("the policy given was changed")
	}
	if empty := wire.EvaluationOf(report.Evaluation{}, policy.Policy{}, db, true); empty.Details.Findings == nil || empty.Details.Policy.RuleSets == nil {
		t.Error("an empty evaluation has null where lists belong")
	}
}
