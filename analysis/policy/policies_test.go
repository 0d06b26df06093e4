package policy_test

import (
	"strings"

	document "github.com/tidepole/tidepole/formats/policy"
)

// policyOf is a policy of one rule set for all images.
func policyOf(rules ...document.Rule) document.Policy {
	return document.Policy{
		ID: "p", Name: "test", Version: "2",
		RuleSets: []document.RuleSet{{ID: "s", Name: "rules", Version: "2", Rules: rules}},
		Mappings: []document.Mapping{mappingOf("m", "*", "*", "*", []string{"s"})},
	}
}

func mappingOf(id, registry, repository, tag string, sets []string, lists ...string) document.Mapping {
	return document.Mapping{
		ID: id, Name: id, RuleSetIDs: sets, AllowlistIDs: lists, Registry: registry, Repository: repository,
		Image: document.ImageRef{Type: "tag", Value: tag},
	}
}

func ruleOf(id, action, gate, trigger string, params ...string) document.Rule {
	r := document.Rule{ID: id, Gate: gate, Trigger: trigger, Action: action}
	for i := 0; i+1 < len(params); i += 2 {
		r.Params = append(r.Params, document.Param{Name: params[i], Value: params[i+1]})
	}
	return r
}

func cut(s string) (before, after string, ok bool) { return strings.Cut(s, "/") }
