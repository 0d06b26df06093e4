package policy

import (
	"fmt"

	"github.com/tidepole/tidepole/formats/policy"
)

// Idle says what a policy leaves unjudged though nothing is wrong with how it is
// written: it may be meant, and passes every image that it is about.
func Idle(p policy.Policy) []string {
	if len(p.Mappings) == 0 {
		return []string{"it has no mappings: no rule of it is about any image"}
	}
	rules := map[string]int{}
	for _, s := range p.RuleSets {
		rules[s.ID] = len(s.Rules)
	}
	var idle []string
	for _, m := range p.Mappings {
		n := 0
		for _, id := range m.RuleSetIDs {
			n += rules[id]
		}
		if n == 0 {
			idle = append(idle, fmt.Sprintf("the rule sets of mapping %s have no rules: images that it matches are not judged", quote(m.ID)))
		}
	}
	return idle
}
