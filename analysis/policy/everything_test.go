package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/bundle"
	document "github.com/tidepole/tidepole/formats/policy"
)

// everything is a policy that uses every trigger, allowlists and image lists.
func everything() document.Policy {
	p := policyOf(
		ruleOf("always", "GO", "always", "always"),
		ruleOf("ports", "STOP", "dockerfile", "exposed_ports", "ports", "22", "type", "blacklist"),
		ruleOf("user", "WARN", "dockerfile", "effective_user", "users", "root", "type", "denylist"),
		ruleOf("health", "WARN", "dockerfile", "instruction", "instruction", "HEALTHCHECK", "check", "not_exists"),
		ruleOf("given", "WARN", "dockerfile", "no_dockerfile_provided"),
		ruleOf("pem", "STOP", "files", "name_match", "regex", `.*\.pem$`),
		ruleOf("mail", "WARN", "files", "content_regex_match"),
		ruleOf("mode", "WARN", "files", "attribute_match", "filename", "/etc/passwd", "mode", "00644", "mode_op", "not_equals"),
		ruleOf("suid", "WARN", "files", "suid_or_guid_set"),
		ruleOf("gpl", "WARN", "licenses", "blacklist_partial_match", "licenses", "GPL"),
		ruleOf("agpl", "STOP", "licenses", "denylist_exact_match", "licenses", "AGPL-3.0-only"),
		ruleOf("scanned", "WARN", "malware", "scan_not_run"),
		ruleOf("malware", "STOP", "malware", "scans"),
		ruleOf("size", "WARN", "metadata", "attribute", "attribute", "size", "check", ">", "value", "1MB"),
		ruleOf("npm", "WARN", "npms", "denylisted_name_version", "name", "lodash"),
		ruleOf("feed", "STOP", "npms", "unknown_in_feeds"),
		ruleOf("gem", "WARN", "ruby_gems", "denylist", "name", "rack"),
		ruleOf("curl", "WARN", "packages", "required_package", "name", "curl"),
		ruleOf("telnet", "STOP", "packages", "denylist", "name", "telnetd"),
		ruleOf("verify", "WARN", "packages", "verify"),
		ruleOf("passwd", "WARN", "passwd_file", "content_not_available"),
		ruleOf("users", "STOP", "passwd_file", "denylist_usernames", "user_names", "games"),
		ruleOf("uids", "WARN", "passwd_file", "denylist_userids", "user_ids", "0"),
		ruleOf("gids", "WARN", "passwd_file", "denylist_groupids", "group_ids", "60"),
		ruleOf("shells", "WARN", "passwd_file", "denylist_shells", "shells", "/bin/bash"),
		ruleOf("entry", "WARN", "passwd_file", "denylist_full_entry", "entry", "a:b:c"),
		ruleOf("kept", "WARN", "retrieved_files", "content_not_available", "path", "/etc/hosts"),
		ruleOf("root", "WARN", "retrieved_files", "content_regex", "path", "/etc/passwd", "regex", "root:", "check", "match"),
		ruleOf("secrets", "STOP", "secret_scans", "content_regex_checks"),
		ruleOf("cves", "STOP", "vulnerabilities", "package", "package_type", "all", "severity", "low"),
		ruleOf("denied", "STOP", "vulnerabilities", "denylist", "vulnerability_ids", "CVE-1"),
		ruleOf("kev", "STOP", "vulnerabilities", "kev_list"),
		ruleOf("age", "WARN", "vulnerabilities", "stale_feed_data", "max_days_since_sync", "2"),
		ruleOf("data", "WARN", "vulnerabilities", "vulnerability_data_unavailable"),
		ruleOf("old", "STOP", "anchoresec", "vulnhigh"),
		ruleOf("invalid", "WARN", "metadata", "attribute", "attribute", "colour", "check", "="),
	)
	p.RuleSets[0].Rules[1].Recommendation = "Close the port."
	p.RuleSets = append(p.RuleSets, document.RuleSet{ID: "second", Name: "second", Version: "2", Rules: []document.Rule{ruleOf("again", "WARN", "always", "always")}})
	p.Mappings[0].RuleSetIDs = append(p.Mappings[0].RuleSetIDs, "second")
	p.Mappings[0].AllowlistIDs = []string{"a"}
	p.Allowlists = []document.Allowlist{{ID: "a", Name: "accepted", Version: "2", Items: []document.AllowlistItem{
		{ID: "i", Gate: "vulnerabilities", TriggerID: "CVE-1+*"}, {ID: "j", Gate: "always", TriggerID: "always"},
	}}}
	p.AllowlistedImages = []document.ImageRule{{ID: "base", Name: "base", Registry: "*", Repository: "base", Image: document.ImageRef{Type: "tag", Value: "*"}}}
	return p
}

// wholeImage is an image with something for every rule.
func wholeImage() fixture {
	f := matched(vulnerabilityOf("CVE-1", "High", "deb", "openssl"), vulnerabilityOf("CVE-2", "Medium", "npm", "lodash", "/app/node_modules/lodash/package.json"))
	f.matches.Vulnerabilities[1].Exploited = true
	f.config = object{"User": "root", "ExposedPorts": object{"22/tcp": object{}}}
	f.history = []string{"RUN /bin/sh -c make # buildkit"}
	f.distro = object{"id": "debian", "versionID": "12"}
	f.packages = []object{
		with(packageOf("deb", "openssl", "1", "GPL-2.0-only"), object{"files": []object{{"path": "/usr/lib/gone"}}}),
		packageOf("npm", "lodash", "4", "MIT"), packageOf("gem", "rack", "2", "AGPL-3.0-only"), packageOf("deb", "telnetd", "1"),
	}
	f.allFiles = true
	f.files = []object{fileOf("/etc/passwd", 0, bundle.TypeRegular, 600, sumA), fileOf("/k.pem", 0, bundle.TypeRegular, 600, sumA), fileOf("/bin/su", 0, bundle.TypeRegular, setuidMode, sumA)}
	f.secrets = []bundle.Search{searchOf("/k.pem", 0, 1)("pem-private-key")}
	f.contents = []bundle.Search{searchOf("/mail", 1, 2)("EMAIL")}
	f.retrieved = map[string]string{"/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/bin/sh\na:b:c\n"}
	return f
}

func TestEverything(t *testing.T) {
	golden(t, "everything.json", evaluate(t, everything(), wholeImage()))
}

func TestEveryTriggerIsInEverything(t *testing.T) {
	used := map[string]bool{}
	for _, r := range everything().RuleSets[0].Rules {
		used[r.Gate+"/"+r.Trigger] = true
	}
	for _, g := range policy.Gates() {
		for _, trigger := range g.Triggers {
			name := g.Name + "/" + trigger.Name
			aliased := len(trigger.Aliases) > 0 && used[g.Name+"/"+trigger.Aliases[0]]
			if !g.Retired && !trigger.Retired && !used[name] && !aliased {
				t.Errorf("the policy of everything lacks %s", name)
			}
		}
	}
}

// What is collected for a policy alone gives the verdict that all of it gives.
func TestCollectedForOnePolicy(t *testing.T) {
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	image := wholeImage()
	image.write(t, b)
	all, err := policy.Collect(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	policies := []document.Policy{everything(), policy.Default()}
	for _, r := range everything().RuleSets[0].Rules {
		policies = append(policies, policyOf(r))
	}
	in := inputOf(t, "registry.example/x:1", image)
	for _, p := range policies {
		in.Evidence = all
		want := policy.Evaluate(p, in)
		if in.Evidence, err = policy.CollectFor(t.Context(), b, p); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, policy.Evaluate(p, in)); diff != "" {
			t.Errorf("rule %s (-all +for this policy):\n%s", p.RuleSets[0].Rules[0].ID, diff)
		}
	}
}
