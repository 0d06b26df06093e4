package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/tidepole/tidepole/formats/policy"
)

const older = `{"id":"b","version":"1_0","comment":"c",
 "policies":[{"id":"p","version":"1_0","rules":[{"gate":"always","trigger":"always","action":"stop","params":[]}]}],
 "whitelists":[{"id":"w","version":"1_0","items":[{"gate":"g","trigger_id":"t"}]}],
 "mappings":[{"name":"m","policy_id":"p","whitelist_ids":["w"],"registry":"*","repository":"*","image":{"type":"tag","value":"*"}}],
 "blacklisted_images":[{"name":"x","registry":"*","repository":"r","image":{"type":"tag","value":"*"}}]}`

func TestBundlesOfVersion1AreRead(t *testing.T) {
	p, err := policy.Read([]byte(older))
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "b" || p.Name != "b" || p.Version != "2" || p.Description != "c" || len(p.RuleSets) != 1 || len(p.Allowlists) != 1 || len(p.Mappings) != 1 || len(p.DenylistedImages) != 1 {
		t.Fatalf("%+v", p)
	}
	r, m := p.RuleSets[0].Rules[0], p.Mappings[0]
	if r.ID != "p-1" || r.Action != "STOP" || p.Allowlists[0].Items[0].ID != "w-1" || m.ID != "mapping-1" || m.RuleSetIDs[0] != "p" || m.AllowlistIDs[0] != "w" {
		t.Errorf("%+v", p)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(older))
	f.Add([]byte(`{"id":"p","rule_sets":[{"id":"r","rules":[{}]}],"mappings":[{"image":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Read(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			return // a time that JSON cannot say
		}
		again, err := policy.Read(text)
		if err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
		if second, _ := json.Marshal(again); string(second) != string(text) {
			t.Errorf("read again it is\n%s\nnot\n%s", second, text)
		}
	})
}
