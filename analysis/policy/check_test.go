package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/fault"
	document "github.com/tidepole/tidepole/formats/policy"
)

// defects are those that Check finds.
func defects(t *testing.T, p document.Policy) []string {
	t.Helper()
	err := policy.Check(p)
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Hint == "" {
		t.Fatalf("%v is no fault.Invalid with a hint", err)
	}
	list, _ := f.Detail["defects"].([]string)
	for _, d := range list {
		if !strings.Contains(err.Error(), d) {
			t.Errorf("%q lacks %q", err, d)
		}
	}
	return list
}

func TestCheckNamesEveryDefectAtOnce(t *testing.T) {
	p := document.Policy{
		Name: "p",
		RuleSets: []document.RuleSet{
			{ID: "a", Name: "a", Version: "2", Rules: []document.Rule{
				ruleOf("r", "STOP", "vulnerabilities", "package", "severity", "severe"),
				ruleOf("r", "", "nogate", "x"),
				ruleOf("", "GO", "always", "never"),
			}},
			{ID: "a", ArtifactType: "boat"},
			{ID: "sources", Name: "s", Version: "2", ArtifactType: "source"},
		},
		Allowlists: []document.Allowlist{{ID: "l", Name: "l", Items: []document.AllowlistItem{
			{ID: "i", Gate: "nogate", TriggerID: "regexp:("}, {ID: "i", Gate: "Always"},
		}}},
		Mappings: []document.Mapping{
			mappingOf("m", "*", "regexp:[", "*", []string{"b", "sources"}, "none"),
			{ID: "m", Name: "m", Image: document.ImageRef{Type: "name", Value: "x"}},
		},
		DenylistedImages: []document.ImageRule{{ID: "d", Registry: "*", Repository: "*", Image: document.ImageRef{Type: "tag"}}},
	}
	equal(t, "defects", []string{
		"policy: id is missing",
		"policy: version is missing",
		`rule set "a" stands 2 times`,
		`rule set "a": rule "r" stands 2 times`,
		`rule set "a", rule "r": parameter severity: "severe" is none of: unknown, negligible, low, medium, high, critical`,
		`rule set "a", rule "r": parameter package_type is missing`,
		`rule set "a", rule "r": action "" is none of: GO, WARN, STOP`,
		`rule set "a", rule "r": gate "nogate" is unknown; there are: always, dockerfile, files, licenses, malware, metadata, npms, packages, passwd_file, retrieved_files, ruby_gems, secret_scans, vulnerabilities`,
		`rule set "a", rule number 3: its id is missing or longer than 1024 bytes`,
		`rule set "a", rule "": trigger "never" is unknown; always has: always`,
		`rule set "a": name is missing`,
		`rule set "a": version is missing`,
		`rule set "a": artifact_type "boat" is none of: image, source`,
		`allowlist "l": version is missing`,
		`allowlist "l": item "i" stands 2 times`,
		`allowlist "l", item "i": gate "nogate" is unknown`,
		"allowlist \"l\", item \"i\": trigger_id: \"(\" is not a regular expression that RE2 knows: error parsing regexp: missing closing ): `(`",
		`allowlist "l", item "i": trigger_id is missing`,
		`mapping "m" stands 2 times`,
		"mapping \"m\": repository: \"[\" is not a regular expression that RE2 knows: error parsing regexp: missing closing ]: `[`",
		`mapping "m": there is no rule set "b"`,
		`mapping "m": rule set "sources" is for "source", not for images`,
		`mapping "m": there is no allowlist "none"`,
		`mapping "m": registry is missing`,
		`mapping "m": repository is missing`,
		`mapping "m": image type "name" is none of: tag, digest, id`,
		`mapping "m": it names no rule set`,
		`denylisted_images: rule "d": name is missing`,
		`denylisted_images: rule "d": image value is missing`,
	}, defects(t, p))
}

func TestCheckAccepts(t *testing.T) {
	retired := policyOf(ruleOf("r", "WARN", "anchoresec", "vulnlow"), ruleOf("s", "stop", "npms", "feed_data_unavailable"))
	older := policyOf(ruleOf("r", "WARN", "passwd_file", "blacklist_shells", "shells", "/bin/sh"), ruleOf("s", "STOP", "dockerfile", "effective_user", "users", "a", "type", "whitelist"))
	for name, p := range map[string]document.Policy{"retired gates": retired, "older names": older, "the default": policy.Default()} {
		equal(t, name, []string(nil), defects(t, p))
	}
}

func TestCheckIsBounded(t *testing.T) {
	p := policyOf()
	for i := range 300 {
		p.RuleSets[0].Rules = append(p.RuleSets[0].Rules, ruleOf(fmt.Sprint(i), "STOP", strings.Repeat("x", 1<<16), "y"))
	}
	err := policy.Check(p)
	if n := len(err.Error()); n > 100_000 || !strings.HasSuffix(err.Error(), "and 200 more") {
		t.Errorf("the error has %d bytes and ends in %q", n, err.Error()[n-30:])
	}
	for range policy.MaxRules {
		p.RuleSets[0].Rules = append(p.RuleSets[0].Rules, document.Rule{})
	}
	equal(t, "defects", []string{"5301 rules are more than 5000"}, defects(t, p))
}

func TestVersionsAreOrdered(t *testing.T) {
	tests := []struct{ kind, lower, higher string }{
		{"deb", "1.0~rc1-1", "1.0-1"}, {"deb", "9.9", "1:0.1"}, {"deb", "2.9", "2.10"},
		{"apk", "1.2.3-r1", "1.2.3-r10"}, {"apk", "1.2_rc1", "1.2"},
		{"rpm", "1.0-1", "1.0-2"}, {"rpm", "1.0~rc1", "1.0"}, {"rpm", "1.0", "1.0^git1"}, {"rpm", "1.0^git1", "1.0.1"},
		{"rpm", "9.9-9", "1:0-1"}, {"rpm", "1.a", "1.1"}, {"rpm", "1.09", "1.10"}, {"rpm", "1.0", "1.0.a"}, {"rpm", "5.1.8-6.el9", "5.1.8-10.el9"},
		{"python", "1.0.dev1", "1.0a1"}, {"python", "1.0a1", "1.0"},
		{"npm", "1.0.0-alpha", "1.0.0"}, {"go-module", "v1.9.0", "v1.10.0"},
		{"gem", "2.2.3", "2.2.10"}, {"java-archive", "9", "10"},
	}
	for _, x := range tests {
		fires := func(have, want string) bool {
			p := policyOf(ruleOf("r", "STOP", "packages", "required_package", "name", "x", "version", want, "version_match_type", "minimum"))
			e := evaluate(t, p, fixture{packages: []object{packageOf(x.kind, "x", have)}})
			equal(t, "problems", 0, len(e.Problems))
			return len(e.Findings) > 0
		}
		if fires(x.higher, x.lower) || !fires(x.lower, x.higher) {
			t.Errorf("%s: %s is not below %s", x.kind, x.lower, x.higher)
		}
	}
}
