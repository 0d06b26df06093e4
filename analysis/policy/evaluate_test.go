package policy_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/policy"
	document "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

var update = flag.Bool("update", false, "write golden files anew")

func evaluate(t testing.TB, p document.Policy, image fixture) report.Evaluation {
	t.Helper()
	return policy.Evaluate(p, inputOf(t, "docker.io/app:1", image))
}

func inputOf(t testing.TB, tag string, image fixture) policy.Input {
	t.Helper()
	return policy.Input{
		Image: report.Image{Tag: tag, Digest: "sha256:" + strings.Repeat("d", 64), ID: "sha256:" + strings.Repeat("1", 64)}, Tag: tag,
		Evidence: image.evidence(t), Matches: image.matches, Now: now,
	}
}

// golden compares v's JSON with a file of testdata.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenText(t, filepath.Join("testdata", name), string(got)+"\n")
}

func goldenText(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, path, string(want), got)
}

func TestMappings(t *testing.T) {
	always := func(id, action string) document.RuleSet {
		return document.RuleSet{ID: id, Name: id, Version: "2", Rules: []document.Rule{ruleOf("r", action, "always", "always")}}
	}
	sets := []document.RuleSet{always("stop", "STOP"), always("warn", "warn"), always("go", "GO")}
	digest, id := "sha256:"+strings.Repeat("d", 64), strings.Repeat("1", 64)
	byDigest := mappingOf("digest", "*", "*", "", []string{"warn"})
	byDigest.Image = document.ImageRef{Type: "digest", Value: digest}
	byID := mappingOf("id", "*", "*", "", []string{"warn"})
	byID.Image = document.ImageRef{Type: "id", Value: id}
	byOtherDigest := byDigest
	byOtherDigest.Image.Value = digest[:20]
	rest := mappingOf("rest", "*", "*", "*", []string{"stop"})

	tests := []struct {
		name     string
		tag      string
		mappings []document.Mapping
		mapped   string // id of the mapping; empty where none matches
		action   string
	}{
		{"the first that matches", "docker.io/lib/app:1", []document.Mapping{mappingOf("a", "docker.io", "lib/app", "1", []string{"warn"}), rest}, "a", "warn"},
		{"none matches", "docker.io/app:1", []document.Mapping{mappingOf("a", "quay.io", "*", "*", []string{"stop"})}, "", "go"},
		{"no mapping", "docker.io/app:1", nil, "", "go"},
		{"a wildcard stands for slashes too", "quay.io/a/b/c:1", []document.Mapping{mappingOf("a", "*", "a/*", "*", []string{"warn"}), rest}, "a", "warn"},
		{"wildcards in the middle", "quay.io/team-x/app:v1.2-rc", []document.Mapping{mappingOf("a", "q*y.io", "team-*/a*p", "v*-rc", []string{"warn"}), rest}, "a", "warn"},
		{"a wildcard's ends may not overlap", "quay.io/aba:1", []document.Mapping{mappingOf("a", "*", "ab*ba", "*", []string{"warn"}), rest}, "rest", "stop"},
		{"names are whole", "docker.io/apps:1", []document.Mapping{mappingOf("a", "*", "app", "*", []string{"warn"}), rest}, "rest", "stop"},
		{"a dot is a dot", "dockerxio.example.org/app:1", []document.Mapping{mappingOf("a", "docker.io*", "*", "*", []string{"warn"}), rest}, "rest", "stop"},
		{"expressions match from the start", "docker.io/apps:1", []document.Mapping{mappingOf("a", "*", "regexp:a(p+)", "regexp:[0-9]", []string{"warn"}), rest}, "a", "warn"},
		{"expressions do not match from the middle", "docker.io/my/apps:1", []document.Mapping{mappingOf("a", "*", "regexp:app", "*", []string{"warn"}), rest}, "rest", "stop"},
		{"dockerhub is docker.io", "dockerhub/app:1", []document.Mapping{mappingOf("a", "docker.io", "app", "*", []string{"warn"}), rest}, "a", "warn"},
		{"by digest", "docker.io/app:1", []document.Mapping{byOtherDigest, byDigest, rest}, "digest", "warn"},
		{"by image id", "docker.io/app:1", []document.Mapping{byID, rest}, "id", "warn"},
		{"no tag", "", []document.Mapping{mappingOf("a", "docker.io", "*", "*", []string{"warn"}), rest}, "rest", "stop"},
		{"no reference", "not a reference!", []document.Mapping{rest}, "rest", "stop"},
		{"the worst of several rule sets", "docker.io/app:1", []document.Mapping{mappingOf("a", "*", "*", "*", []string{"go", "warn"})}, "a", "warn"},
		{"in whatever order", "docker.io/app:1", []document.Mapping{mappingOf("a", "*", "*", "*", []string{"stop", "go"})}, "a", "stop"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			p := document.Policy{ID: "p", RuleSets: sets, Mappings: x.mappings}
			e := policy.Evaluate(p, inputOf(t, x.tag, fixture{}))
			mapped := ""
			if e.MappedBy != nil {
				mapped = e.MappedBy.ID
			}
			equal(t, "mapping", x.mapped, mapped)
			equal(t, "mapped", x.mapped != "", e.ImageMapped)
			equal(t, "final action", x.action, e.FinalAction)
			var problems []report.Problem
			if x.mapped == "" {
				problems = notJudged("no mapping of the policy matches this image: nothing was judged")
			}
			equal(t, "problems", problems, e.Problems)
			equal(t, "undecided", x.mapped == "", e.Undecided())
		})
	}
}

func notJudged(details string) []report.Problem {
	return []report.Problem{{Severity: "warn", Type: report.ProblemNotJudged, Details: details}}
}

// What passes because no rule is about it is told apart from what passes all rules.
func TestNotJudged(t *testing.T) {
	rules := policyOf(ruleOf("r", "GO", "always", "always"))
	app := []document.ImageRule{{ID: "app", Name: "app", Registry: "*", Repository: "*", Image: document.ImageRef{Type: "tag", Value: "*"}}}
	change := func(f func(*document.Policy)) document.Policy {
		p := policyOf(rules.RuleSets[0].Rules...)
		f(&p)
		return p
	}
	noMapping := notJudged("no mapping of the policy matches this image: nothing was judged")
	tests := []struct {
		name     string
		policy   document.Policy
		problems []report.Problem
		idle     []string
	}{
		{"rules", rules, nil, nil},
		{"no mappings", change(func(p *document.Policy) { p.Mappings = nil }), noMapping, []string{"it has no mappings: no rule of it is about any image"}},
		{"mappings of other images", change(func(p *document.Policy) { p.Mappings[0].Registry = "quay.io" }), noMapping, nil},
		{"no rules", change(func(p *document.Policy) { p.RuleSets[0].Rules = nil }),
			notJudged(`the rule sets of mapping "m" have no rules that can fire: nothing was judged`),
			[]string{`the rule sets of mapping "m" have no rules: images that it matches are not judged`}},
		{"no mappings, and allowed", change(func(p *document.Policy) { p.Mappings, p.AllowlistedImages = nil, app }), nil, []string{"it has no mappings: no rule of it is about any image"}},
		{"no mappings, and denied", change(func(p *document.Policy) { p.Mappings, p.DenylistedImages = nil, app }), nil, []string{"it has no mappings: no rule of it is about any image"}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			e := evaluate(t, x.policy, fixture{})
			equal(t, "problems", x.problems, e.Problems)
			equal(t, "undecided", len(x.problems) > 0, e.Undecided())
			if action := map[bool]string{true: report.Stop, false: report.Go}[e.ImageDenylisted]; e.FinalAction != action {
				t.Errorf("the final action is %s, want %s", e.FinalAction, action)
			}
			equal(t, "idle", x.idle, policy.Idle(x.policy))
		})
	}
}

func TestImageLists(t *testing.T) {
	app := []document.ImageRule{{ID: "app", Name: "app", Registry: "docker.io", Repository: "app", Image: document.ImageRef{Type: "tag", Value: "*"}}}
	other := []document.ImageRule{{ID: "other", Name: "other", Registry: "docker.io", Repository: "other", Image: document.ImageRef{Type: "tag", Value: "*"}}}
	torn := []document.ImageRule{{ID: "torn", Name: "torn", Registry: "regexp:(", Repository: "*", Image: document.ImageRef{Type: "tag", Value: "*"}}}
	tests := []struct {
		name        string
		allow, deny []document.ImageRule
		rule        string // the action of the only rule
		action      string
		reason      string
		problems    int
	}{
		{"neither", other, other, "STOP", "stop", "policy_evaluation", 0},
		{"allowed whatever the rules say", app, nil, "STOP", "go", "allowlisted", 0},
		{"denied whatever the rules say", nil, app, "GO", "stop", "denylisted", 0},
		{"denied though allowed", app, app, "GO", "stop", "denylisted", 0},
		{"a list that cannot be read stops", app, torn, "GO", "stop", "policy_evaluation", 1},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			p := policyOf(ruleOf("r", x.rule, "always", "always"))
			p.AllowlistedImages, p.DenylistedImages = x.allow, x.deny
			e := evaluate(t, p, fixture{})
			equal(t, "final action", x.action, e.FinalAction)
			equal(t, "reason", x.reason, e.FinalActionReason)
			equal(t, "problems", x.problems, len(e.Problems))
			equal(t, "findings, which are listed nevertheless", 1, len(e.Findings))
			equal(t, "status", map[string]string{"stop": report.Fail, "go": report.Pass}[x.action], e.Status)
		})
	}
}

func TestAllowlists(t *testing.T) {
	past, future := now.Add(-time.Second), now.Add(time.Second)
	list := func(id string, items ...document.AllowlistItem) document.Allowlist {
		return document.Allowlist{ID: id, Name: "list " + id, Version: "2", Items: items}
	}
	item := func(id, gate, trigger string) document.AllowlistItem {
		return document.AllowlistItem{ID: id, Gate: gate, TriggerID: trigger}
	}
	expiring := func(at time.Time) document.AllowlistItem {
		i := item("i", "vulnerabilities", "CVE-1+openssl")
		i.ExpiresOn = &at
		return i
	}
	tests := []struct {
		name  string
		lists []document.Allowlist
		by    string // list/item; empty where the finding stands
	}{
		{"none", nil, ""},
		{"exact", []document.Allowlist{list("a", item("i", "vulnerabilities", "CVE-1+openssl"))}, "a/i"},
		{"gates in whatever case", []document.Allowlist{list("a", item("i", "Vulnerabilities", "CVE-1+openssl"))}, "a/i"},
		{"ids in their own case", []document.Allowlist{list("a", item("i", "vulnerabilities", "cve-1+openssl"))}, ""},
		{"another gate", []document.Allowlist{list("a", item("i", "files", "CVE-1+openssl"))}, ""},
		{"wildcard", []document.Allowlist{list("a", item("i", "vulnerabilities", "CVE-1+*"))}, "a/i"},
		{"expression", []document.Allowlist{list("a", item("i", "vulnerabilities", `regexp:CVE-1\+`))}, "a/i"},
		{"expression of something else", []document.Allowlist{list("a", item("i", "vulnerabilities", "regexp:openssl"))}, ""},
		{"all lists of the mapping, the first that matches", []document.Allowlist{
			list("a", item("i", "vulnerabilities", "CVE-2+*"), item("j", "vulnerabilities", "*")), list("b", item("k", "vulnerabilities", "CVE-1+openssl")),
		}, "a/j"},
		{"an exact one may be first", []document.Allowlist{
			list("a", item("i", "vulnerabilities", "CVE-1+openssl"), item("j", "vulnerabilities", "*")),
		}, "a/i"},
		{"expired", []document.Allowlist{list("a", expiring(past))}, ""},
		{"expired this moment", []document.Allowlist{list("a", expiring(now))}, ""},
		{"not yet expired", []document.Allowlist{list("a", expiring(future))}, "a/i"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			p := policyOf(ruleOf("r", "STOP", "vulnerabilities", "package", "package_type", "all"))
			p.Allowlists = append(x.lists, list("not mapped", item("i", "vulnerabilities", "*")))
			for _, l := range x.lists {
				p.Mappings[0].AllowlistIDs = append(p.Mappings[0].AllowlistIDs, l.ID)
			}
			e := evaluate(t, p, matched(vulnerabilityOf("CVE-1", "High", "deb", "openssl")))
			equal(t, "findings", 1, len(e.Findings))
			by, want := "", report.Stop
			if m := e.Findings[0].AllowlistMatch; m != nil {
				by, want = m.ID+"/"+m.MatchedRuleID, report.Go
				equal(t, "list", "list "+m.ID, m.Name)
			}
			equal(t, "allowed by", x.by, by)
			equal(t, "allowlisted", x.by != "", e.Findings[0].Allowlisted)
			equal(t, "final action", want, e.FinalAction)
		})
	}
}

func TestEvaluateTheInvalid(t *testing.T) {
	invalid := func(p document.Policy) []string {
		e := evaluate(t, p, fixture{})
		equal(t, "final action", report.Stop, e.FinalAction)
		var details []string
		for _, problem := range e.Problems {
			equal(t, "severity", "error", problem.Severity)
			details = append(details, problem.Details)
		}
		return details
	}
	p := policyOf(ruleOf("r", "GO", "always", "always"))
	p.Mappings[0].RuleSetIDs = []string{"none", "source", "s"}
	p.Mappings[0].AllowlistIDs = []string{"nor this", "a"}
	p.RuleSets = append(p.RuleSets, document.RuleSet{ID: "source", ArtifactType: "source"})
	p.Allowlists = []document.Allowlist{{ID: "a", Items: []document.AllowlistItem{{ID: "i", Gate: "always", TriggerID: "regexp:["}}}}
	equal(t, "problems", []string{
		`mapping "m": there is no allowlist "nor this"`,
		"allowlist \"a\", item \"i\": trigger_id: \"[\" is not a regular expression that RE2 knows: error parsing regexp: missing closing ]: `[`",
		`mapping "m": there is no rule set "none"`,
		`mapping "m": rule set "source" is for "source", not for images`,
	}, invalid(p))

	p = policyOf(ruleOf("r", "GO", "always", "always"))
	p.Mappings[0].Image.Type = "colour"
	equal(t, "problems", []string{`mapping "m": image type "colour" is none of: tag, digest, id`}, invalid(p))

	p = policyOf(ruleOf("r", "HALT", "always", "always", "x", "y"))
	equal(t, "problems", []string{
		`always/always (rule "r" of rule set "s"): action "HALT" is none of: GO, WARN, STOP`,
		`always/always (rule "r" of rule set "s"): parameter "x" is unknown; there are: none`,
	}, invalid(p))
}

func TestFindingsAreBounded(t *testing.T) {
	var list []report.Vulnerability
	for i := range policy.MaxFindings + 2 {
		list = append(list, vulnerabilityOf("CVE-"+strings.Repeat("1", i%7+1), "Low", "deb", "p"+string(rune('a'+i%26))+strings.Repeat("x", i%997)+time.Duration(i).String()))
	}
	list[len(list)-1].Severity = "High"
	p := policyOf(
		ruleOf("low", "WARN", "vulnerabilities", "package", "package_type", "all", "severity_comparison", "=", "severity", "low"),
		ruleOf("high", "STOP", "vulnerabilities", "package", "package_type", "all", "severity_comparison", "=", "severity", "high"),
	)
	e := evaluate(t, p, matched(list...))
	equal(t, "findings", policy.MaxFindings, len(e.Findings))
	equal(t, "final action, which the last finding decides", report.Stop, e.FinalAction)
	equal(t, "problems", []report.Problem{{
		Severity: "warn", Type: report.ProblemTruncated,
		Details: "2 findings beyond the first 50000 are not listed; they count for the verdict",
	}}, e.Problems)
}

func TestDefaultWithoutDatabase(t *testing.T) {
	image := fixture{config: object{"ExposedPorts": object{}}, packages: []object{packageOf("deb", "openssl", "1")}, distro: object{"id": "debian", "versionID": "12"}}
	e := policy.Evaluate(policy.Default(), inputOf(t, "docker.io/app:1", image))
	equal(t, "final action", report.Warn, e.FinalAction)
	equal(t, "undecided", true, e.Undecided())
	golden(t, "default-no-database.json", e)

	image.matches.Database = database
	e = policy.Evaluate(policy.Default(), inputOf(t, "docker.io/app:1", image))
	equal(t, "undecided with a database", false, e.Undecided())
	equal(t, "findings", 1, len(e.Findings)) // HEALTHCHECK
}

func TestDefaultIsInOrder(t *testing.T) {
	if err := policy.Check(policy.Default()); err != nil {
		t.Error(err)
	}
	golden(t, "default-policy.json", policy.Default())
}

func TestEvaluateWithoutEvidence(t *testing.T) {
	p := everything()
	e := policy.Evaluate(p, policy.Input{Tag: "docker.io/app:1", Now: now})
	equal(t, "undecided", true, e.Undecided())
	for _, f := range e.Findings {
		if f.Gate == "secret_scans" || f.Gate == "licenses" || f.Trigger == "name_match" {
			t.Errorf("found without evidence: %+v", f)
		}
	}
}
