package policy_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidepole/tidepole/analysis/policy"
	document "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

var ranks = map[string]int{report.Go: 0, report.Warn: 1, report.Stop: 2}

// some is a random part of everything's rules.
func some(r *rand.Rand) document.Policy {
	p := everything()
	rules := p.RuleSets[0].Rules
	r.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	p.RuleSets[0].Rules = rules[:r.IntN(len(rules))]
	if r.IntN(2) == 0 {
		p.Allowlists, p.Mappings[0].AllowlistIDs = nil, nil
	}
	return p
}

func TestAllowlistingNeverWorsens(t *testing.T) {
	r, image := rand.New(rand.NewPCG(1, 2)), inputOf(t, "docker.io/app:1", wholeImage())
	for range 200 {
		p := some(r)
		before := policy.Evaluate(p, image)
		if len(before.Findings) == 0 {
			continue
		}
		f := before.Findings[r.IntN(len(before.Findings))]
		p.Allowlists = append(p.Allowlists, document.Allowlist{ID: "new", Items: []document.AllowlistItem{{ID: "i", Gate: f.Gate, TriggerID: f.TriggerID}}})
		p.Mappings[0].AllowlistIDs = append(p.Mappings[0].AllowlistIDs, "new")
		after := policy.Evaluate(p, image)
		if ranks[after.FinalAction] > ranks[before.FinalAction] {
			t.Fatalf("allowing %s of %s turned %s to %s", f.TriggerID, f.Gate, before.FinalAction, after.FinalAction)
		}
		equal(t, "findings", len(before.Findings), len(after.Findings))
	}
}

func TestOrderOfRulesDoesNotDecide(t *testing.T) {
	r, image := rand.New(rand.NewPCG(3, 4)), inputOf(t, "docker.io/app:1", wholeImage())
	for range 100 {
		p := some(r)
		forward := policy.Evaluate(p, image)
		slices.Reverse(p.RuleSets[0].Rules)
		slices.Reverse(p.Mappings[0].RuleSetIDs)
		backward := policy.Evaluate(p, image)
		equal(t, "final action", forward.FinalAction, backward.FinalAction)
		equal(t, "findings", len(forward.Findings), len(backward.Findings))
	}
}

func TestEqualInputsGiveEqualAnswers(t *testing.T) {
	p := everything()
	var first []byte
	for range 5 {
		data, err := json.Marshal(policy.Evaluate(p, inputOf(t, "docker.io/app:1", wholeImage())))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, data) {
			t.Fatal("two evaluations differ")
		}
		first = data
	}
}

// FuzzPolicy puts hostile policies to Check and Evaluate. What Check accepts,
// Evaluate must find in order; what it refuses must not pass where it is used.
func FuzzPolicy(f *testing.F) {
	for _, p := range []document.Policy{everything(), policy.Default(), policyOf(ruleOf("r", "GO", "files", "name_match", "regex", "(a*)*b"))} {
		data, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"rule_sets":[{"id":"s","rules":[{"gate":"metadata","trigger":"attribute","params":[{"name":"value","value":"99999999999999999999GB"}]}]}],"mappings":[{"rule_set_ids":["s"],"registry":"***","image":{"type":"tag","value":"regexp:"}}]}`))
	input := inputOf(f, "docker.io/app:1", wholeImage())
	f.Fuzz(func(t *testing.T, data []byte) {
		var p document.Policy
		if json.Unmarshal(data, &p) != nil {
			return
		}
		refused := policy.Check(p)
		e := policy.Evaluate(p, input)
		if _, ok := ranks[e.FinalAction]; !ok || (e.Status == report.Fail) != (e.FinalAction == report.Stop) {
			t.Fatalf("the verdict is %q, %q", e.FinalAction, e.Status)
		}
		for _, problem := range e.Problems {
			if problem.Type == report.ProblemInvalidRule && refused == nil {
				t.Fatalf("Check accepts what Evaluate does not: %s", problem.Details)
			}
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDockerfile reads strangers' Dockerfiles.
func FuzzDockerfile(f *testing.F) {
	f.Add("FROM a AS a\nFROM a\nUSER <<x\nEXPOSE 99999-1/udp map[1/tcp:{}]\n")
	f.Add("# escape=`\nRUN <<EOF <<A\nEOF\nA\n\\\n")
	p := policyOf(
		ruleOf("a", "GO", "dockerfile", "instruction", "instruction", "RUN", "check", "exists"),
		ruleOf("b", "GO", "dockerfile", "exposed_ports", "ports", "0", "type", "denylist"),
		ruleOf("c", "GO", "dockerfile", "effective_user", "users", "root", "type", "allowlist"),
	)
	f.Fuzz(func(t *testing.T, text string) {
		e := evaluate(t, p, fixture{dockerfile: text})
		equal(t, "final action", report.Go, e.FinalAction)
	})
}
