package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Read reads a policy, or a bundle in the words of version 1 of the API. What a
// bundle need not name is named after its place.
func Read(data []byte) (Policy, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return Policy{}, err
	}
	p := d.Policy
	p.Description = or(p.Description, d.Comment)
	older := d.Policies != nil
	if older {
		p.Version, p.Name = "2", or(p.Name, p.ID)
	}
	// Older words count wherever they stand: a list that is left out denies nothing.
	d.RuleSets, d.Allowlists = append(d.RuleSets, d.Policies...), append(d.Allowlists, d.Whitelists...)
	d.AllowlistedImages = append(d.AllowlistedImages, d.WhitelistedImages...)
	d.DenylistedImages = append(d.DenylistedImages, d.BlacklistedImages...)
	for i, s := range d.RuleSets {
		s.Description = or(s.Description, s.Comment)
		for n := range s.Rules {
			s.Rules[n].Action = strings.ToUpper(s.Rules[n].Action)
			if older {
				s.Rules[n].ID = or(s.Rules[n].ID, fmt.Sprintf("%s-%d", s.ID, n+1))
			}
		}
		if older {
			named(&s.ID, &s.Name, "rule-set", i)
			s.Version = or(s.Version, "1_0")
		}
		p.RuleSets = append(p.RuleSets, s.RuleSet)
	}
	for i, l := range d.Allowlists {
		l.Description = or(l.Description, l.Comment)
		if older {
			named(&l.ID, &l.Name, "allowlist", i)
			l.Version = or(l.Version, "1_0")
			for n := range l.Items {
				l.Items[n].ID = or(l.Items[n].ID, fmt.Sprintf("%s-%d", l.ID, n+1))
			}
		}
		p.Allowlists = append(p.Allowlists, l.Allowlist)
	}
	for i, m := range d.Mappings {
		m.Description = or(m.Description, m.Comment)
		if older {
			named(&m.ID, &m.Name, "mapping", i)
		}
		if m.PolicyID != "" {
			m.PolicyIDs = append([]string{m.PolicyID}, m.PolicyIDs...)
		}
		m.RuleSetIDs = append(m.RuleSetIDs, m.PolicyIDs...)
		m.AllowlistIDs = append(m.AllowlistIDs, m.WhitelistIDs...)
		p.Mappings = append(p.Mappings, m.Mapping)
	}
	p.AllowlistedImages = images(d.AllowlistedImages, older, "allowlisted-image")
	p.DenylistedImages = images(d.DenylistedImages, older, "denylisted-image")
	return p, nil
}

// document is a policy in either vocabulary. Its lists stand before the policy's.
type document struct {
	Policy
	Comment           string      `json:"comment"`
	RuleSets          []ruleSet   `json:"rule_sets"`
	Policies          []ruleSet   `json:"policies"`
	Allowlists        []allowlist `json:"allowlists"`
	Whitelists        []allowlist `json:"whitelists"`
	Mappings          []mapping   `json:"mappings"`
	AllowlistedImages []imageRule `json:"allowlisted_images"`
	WhitelistedImages []imageRule `json:"whitelisted_images"`
	DenylistedImages  []imageRule `json:"denylisted_images"`
	BlacklistedImages []imageRule `json:"blacklisted_images"`
}

type ruleSet struct {
	RuleSet
	Comment string `json:"comment"`
}

type allowlist struct {
	Allowlist
	Comment string `json:"comment"`
}

type mapping struct {
	Mapping
	Comment      string   `json:"comment"`
	PolicyID     string   `json:"policy_id"`
	PolicyIDs    []string `json:"policy_ids"`
	WhitelistIDs []string `json:"whitelist_ids"`
}

type imageRule struct {
	ImageRule
	Comment string `json:"comment"`
}

func images(list []imageRule, older bool, kind string) []ImageRule {
	var all []ImageRule
	for i, r := range list {
		r.Description = or(r.Description, r.Comment)
		if older {
			named(&r.ID, &r.Name, kind, i)
		}
		all = append(all, r.ImageRule)
	}
	return all
}

// named gives what has no id or no name one.
func named(id, name *string, kind string, place int) {
	*id = or(*id, fmt.Sprintf("%s-%d", kind, place+1))
	*name = or(*name, *id)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
