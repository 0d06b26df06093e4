package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// allowlists are the items of a mapping's allowlists that are in force.
type allowlists struct {
	exact    map[[2]string]*allowed // by gate and trigger id
	patterns map[string][]*allowed  // by gate
}

// allowed is one item.
type allowed struct {
	place int // in the order of the document, which decides who is named
	id    wildcard
	match report.AllowlistMatch
}

// compileAllowlists reads the allowlists that the mapping names and lists what
// is wrong with them. Items past their expiry are left out.
func compileAllowlists(p policy.Policy, m policy.Mapping, now time.Time) (allowlists, []string) {
	a := allowlists{exact: map[[2]string]*allowed{}, patterns: map[string][]*allowed{}}
	var defects []string
	place := 0
	for _, id := range m.AllowlistIDs {
		list, ok := allowlistOf(p, id)
		if !ok {
			defects = append(defects, fmt.Sprintf("mapping %s: there is no allowlist %s", quote(m.ID), quote(id)))
			continue
		}
		for _, item := range list.Items {
			if item.ExpiresOn != nil && !item.ExpiresOn.After(now) {
				continue
			}
			w, err := compileWildcard(item.TriggerID)
			if err != nil {
				defects = append(defects, fmt.Sprintf("allowlist %s, item %s: trigger_id: %v", quote(list.ID), quote(item.ID), err))
				continue
			}
			place++
			a.add(item, &allowed{place, w, report.AllowlistMatch{ID: list.ID, Name: list.Name, MatchedRuleID: item.ID}})
		}
	}
	return a, defects
}

func allowlistOf(p policy.Policy, id string) (policy.Allowlist, bool) {
	for _, l := range p.Allowlists {
		if l.ID == id {
			return l, true
		}
	}
	return policy.Allowlist{}, false
}

func (a allowlists) add(item policy.AllowlistItem, v *allowed) {
	gate := strings.ToLower(item.Gate)
	if !v.id.exact() {
		a.patterns[gate] = append(a.patterns[gate], v)
		return
	}
	key := [2]string{gate, item.TriggerID}
	if a.exact[key] == nil {
		a.exact[key] = v
	}
}

// match is the first item that sets the finding aside; nil where none does.
func (a allowlists) match(gate, triggerID string) *report.AllowlistMatch {
	best := a.exact[[2]string{gate, triggerID}]
	for _, v := range a.patterns[gate] {
		if best != nil && best.place < v.place {
			break
		}
		if v.id.match(triggerID) {
			best = v
			break
		}
	}
	if best == nil {
		return nil
	}
	m := best.match
	return &m
}
