package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

func searchOf(path string, layer int, lines ...int64) func(rule string) bundle.Search {
	return func(rule string) bundle.Search {
		s := bundle.Search{Location: bundle.Location{Path: path, LayerID: layers[layer]}}
		for _, l := range lines {
			s.Matches = append(s.Matches, bundle.Match{Classification: rule, LineNumber: l})
		}
		return s
	}
}

func TestSecretScans(t *testing.T) {
	image := fixture{secrets: []bundle.Search{
		searchOf("/root/.env", 1, 7)("aws-access-key"),
		searchOf("/root/.env", 0, 3, 9)("aws-access-key"),
		searchOf("/etc/ssl/key.pem", 0, 1)("pem-private-key"),
		searchOf("/root/.docker/config.json", 0, 4)("DOCKER_AUTH"),
	}}
	const (
		env    = "Secret content search analyzer found regexp match in container: file=/root/.env regexp=aws-access-key at line 3 of layer sha256:layer-one; line 9 of layer sha256:layer-one; line 7 of layer sha256:layer-two"
		key    = "Secret content search analyzer found regexp match in container: file=/etc/ssl/key.pem regexp=pem-private-key at line 1 of layer sha256:layer-one"
		docker = "Secret content search analyzer found regexp match in container: file=/root/.docker/config.json regexp=DOCKER_AUTH at line 4 of layer sha256:layer-one"
	)
	const trigger = "secret_scans/content_regex_checks"
	run(t, []example{
		{name: "everything", trigger: trigger, image: image, fires: []string{key, docker, env}},
		{name: "a rule by its name", trigger: trigger, image: image, params: []string{"content_regex_name", "aws-access-key"}, fires: []string{env}},
		{name: "a rule by the name it has elsewhere", trigger: trigger, image: image, params: []string{"content_regex_name", "PRIV_KEY"}, fires: []string{key}},
		{name: "another analyser's name of the rule", trigger: trigger, image: image, params: []string{"content_regex_name", "docker-config-auth"}, fires: []string{docker}},
		{name: "names are whole", trigger: trigger, image: image, params: []string{"content_regex_name", "aws"}},
		{name: "an empty parameter is none", trigger: trigger, image: image, params: []string{"content_regex_name", "", "filename_regex", "/etc/"}, fires: []string{key}},
		{name: "file names match from their start", trigger: trigger, image: image, params: []string{"filename_regex", "key"}},
		{name: "found where absence is asked for", trigger: trigger, image: image, params: []string{"match_type", "notfound"}},
		{
			name: "absence", trigger: trigger, image: image, params: []string{"match_type", "notfound", "content_regex_name", "API_KEY"},
			fires: []string{"Secret content search analyzer did not find regexp match in container: filename_regex=* content_regex_name=API_KEY"},
		},
		{
			name: "not searched is not absent", trigger: trigger, params: []string{"match_type", "notfound"},
			image: fixture{without: []bundle.Kind{bundle.SecretSearches}},
			lacks: []string{"the evidence has no secret searches"},
		},
		{
			name: "not searched is not clean", trigger: trigger,
			image: fixture{without: []bundle.Kind{bundle.SecretSearches}},
			lacks: []string{"the evidence has no secret searches"},
		},
		{
			name: "wrong parameters", trigger: trigger, params: []string{"match_type", "maybe", "filename_regex", "(?=a)"},
			invalid: []string{
				`parameter match_type: "maybe" is none of: found, notfound`,
				"parameter filename_regex: \"(?=a)\" is not a regular expression that RE2 knows: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
			},
		},
	})
}

func TestSecretTriggerIDsOutliveRebuilds(t *testing.T) {
	ids := map[string]bool{}
	for _, s := range []bundle.Search{searchOf("/a", 0, 1)("r"), searchOf("/a", 1, 20)("r")} {
		e := evaluate(t, policyOf(ruleOf("r", "WARN", "secret_scans", "content_regex_checks")), fixture{secrets: []bundle.Search{s}})
		ids[e.Findings[0].TriggerID] = true
	}
	equal(t, "number of ids", 1, len(ids))
}
