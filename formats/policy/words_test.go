package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/formats/policy"
)

func TestOlderWordsAmongNewOnesCount(t *testing.T) {
	p, err := policy.Read([]byte(`{"id":"p","name":"p","version":"2",
		"rule_sets":[{"id":"r","name":"r","version":"2","rules":[]}],
		"whitelists":[{"id":"w","name":"w","version":"2","items":[]}],
		"blacklisted_images":[{"id":"b","name":"b","registry":"*","repository":"*","image":{"type":"tag","value":"*"}}],
		"mappings":[{"id":"m","name":"m","registry":"*","repository":"*","image":{"type":"tag","value":"*"},"rule_set_ids":["r"],"whitelist_ids":["w"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Allowlists) != 1 || len(p.DenylistedImages) != 1 || len(p.RuleSets) != 1 {
		t.Errorf("%d allowlists, %d denied images, %d rule sets", len(p.Allowlists), len(p.DenylistedImages), len(p.RuleSets))
	}
	if m := p.Mappings[0]; len(m.AllowlistIDs) != 1 || len(m.RuleSetIDs) != 1 {
		t.Errorf("%+v", m)
	}
}
