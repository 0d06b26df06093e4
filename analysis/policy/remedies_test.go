package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// TestEveryTriggerHasARemedy holds the table of remedies to the table of gates.
func TestEveryTriggerHasARemedy(t *testing.T) {
	own := map[string]bool{"vulnerabilities/package": true, "vulnerabilities/denylist": true, "vulnerabilities/kev_list": true} // by the fixes that are known
	used := map[string]bool{}
	for _, g := range gates {
		for _, trigger := range g.Triggers {
			name := g.Name + "/" + trigger.Name
			used[name] = true
			if has := remedyOf(g.Name, trigger.Name) != ""; has == (trigger.Retired || own[name]) {
				t.Errorf("%s: it has a remedy: %v", name, has)
			}
		}
	}
	for name := range remedies {
		if !used[name] {
			t.Errorf("%s: there is a remedy, and no such trigger", name)
		}
	}
}

func TestRemediations(t *testing.T) {
	vulnerability := func(id, name string, fixes ...string) report.Vulnerability {
		return report.Vulnerability{ID: id, Severity: "High", FixVersions: fixes, Package: report.Package{Name: name, Version: "1", Type: "deb"}}
	}
	var e report.Evaluation
	j := newJudge(&e, Input{Matches: report.Matches{Database: report.Database{Present: true}, Vulnerabilities: []report.Vulnerability{
		vulnerability("CVE-1", "openssl", "2", "3"), vulnerability("CVE-2", "openssl", "2", "3"), vulnerability("CVE-3", "openssl", "2"),
		vulnerability("CVE-4", "bash"), vulnerability("CVE-5", "zlib", "4"),
	}}})
	rule := func(gate, trigger string, params ...policy.Param) policy.Rule {
		return policy.Rule{ID: trigger, Gate: gate, Trigger: trigger, Action: "stop", Params: params}
	}
	j.judge(policy.Policy{
		RuleSets: []policy.RuleSet{{ID: "r", Rules: []policy.Rule{
			rule("vulnerabilities", "package", policy.Param{Name: "package_type", Value: "all"}),
			rule("vulnerabilities", "package", policy.Param{Name: "package_type", Value: "os"}), // the same findings again
			rule("vulnerabilities", "denylist", policy.Param{Name: "vulnerability_ids", Value: "cve-3,CVE-4"}),
			rule("always", "always"),
		}}},
		Allowlists: []policy.Allowlist{{ID: "a", Items: []policy.AllowlistItem{{ID: "i", Gate: "vulnerabilities", TriggerID: "CVE-5+zlib"}}}},
	}, policy.Mapping{RuleSetIDs: []string{"r"}, AllowlistIDs: []string{"a"}})
	j.finish()
	two, three := report.Suggestion{Message: "Update openssl from 1 to 2.", Preferred: true}, report.Suggestion{Message: "Update openssl from 1 to 3."}
	want := []report.Remediation{
		{TriggerIDs: []string{"CVE-1+openssl", "CVE-2+openssl"}, Suggestions: []report.Suggestion{two, three}},
		{TriggerIDs: []string{"CVE-3+openssl", digest("vulnerabilities", "denylist", "Denylisted vulnerabilities detected: cve-3")}, Suggestions: []report.Suggestion{two}},
		{TriggerIDs: []string{"always"}, Suggestions: []report.Suggestion{{Message: "Take the rule out of the policy.", Preferred: true}}},
	}
	if diff := cmp.Diff(want, e.Remediations); diff != "" {
		t.Error(diff)
	}
}
