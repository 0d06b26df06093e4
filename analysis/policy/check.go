package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
)

// Limits of a policy document.
const (
	MaxRules    = 5_000  // of all rule sets together
	MaxItems    = 20_000 // of all allowlists together
	MaxMappings = 5_000  // and of each image list
	maxName     = 1024   // bytes of an id or a name
)

// maxDefects bounds those that Check spells out.
const maxDefects = 100

// Check is nil for a policy that can be evaluated as it is written. Otherwise
// it is a fault.Invalid that lists every defect, each with its place; its
// detail "defects" has them one by one.
//
// Rules of retired gates are no defect: Evaluate warns of them.
func Check(p policy.Policy) error {
	c := &checker{}
	c.document(p)
	if c.count == 0 {
		return nil
	}
	listed := slices.Clone(c.defects)
	if more := c.count - len(c.defects); more > 0 {
		listed = append(listed, fmt.Sprintf("and %d more", more))
	}
	return fault.New(fault.Invalid, "policy %s cannot be used: %s", quote(p.ID), strings.Join(listed, "; ")).
		WithHint("the gates, their triggers and parameters are described in docs/policy-gates.md").
		WithDetail("defects", c.defects)
}

// checker gathers defects.
type checker struct {
	defects []string
	count   int
}

func (c *checker) addf(format string, args ...any) {
	c.count++
	if len(c.defects) < maxDefects {
		c.defects = append(c.defects, fmt.Sprintf(format, args...))
	}
}

func (c *checker) document(p policy.Policy) {
	c.names("policy", p.ID, p.Name, p.Version)
	if c.tooMany("rules", rules(p), MaxRules) || c.tooMany("allowlist items", items(p), MaxItems) ||
		c.tooMany("mappings", len(p.Mappings), MaxMappings) ||
		c.tooMany("allowlisted images", len(p.AllowlistedImages), MaxMappings) ||
		c.tooMany("denylisted images", len(p.DenylistedImages), MaxMappings) {
		return
	}
	sets, lists := map[string]string{}, map[string]bool{}
	unique(c, "rule set", p.RuleSets, func(s policy.RuleSet) string { return s.ID })
	for _, s := range p.RuleSets {
		sets[s.ID] = cmp.Or(s.ArtifactType, "image")
		c.ruleSet(s)
	}
	unique(c, "allowlist", p.Allowlists, func(l policy.Allowlist) string { return l.ID })
	for _, l := range p.Allowlists {
		lists[l.ID] = true
		c.allowlist(l)
	}
	unique(c, "mapping", p.Mappings, func(m policy.Mapping) string { return m.ID })
	for _, m := range p.Mappings {
		c.mapping(m, sets, lists)
	}
	c.images("allowlisted_images", p.AllowlistedImages)
	c.images("denylisted_images", p.DenylistedImages)
}

func rules(p policy.Policy) (n int) {
	for _, s := range p.RuleSets {
		n += len(s.Rules) + 1
	}
	return n
}

func items(p policy.Policy) (n int) {
	for _, l := range p.Allowlists {
		n += len(l.Items) + 1
	}
	return n
}

func (c *checker) tooMany(what string, n, most int) bool {
	if n > most {
		c.addf("%d %s are more than %d", n, what, most)
	}
	return n > most
}

// names checks what every named part of a document has.
func (c *checker) names(what, id, name, version string) {
	where := what
	if id != "" && what != "policy" {
		where += " " + quote(id)
	}
	for _, field := range []struct{ name, value string }{{"id", id}, {"name", name}, {"version", version}} {
		if strings.TrimSpace(field.value) == "" {
			c.addf("%s: %s is missing", where, field.name)
		} else if len(field.value) > maxName {
			c.addf("%s: %s is longer than %d bytes", where, field.name, maxName)
		}
	}
}

// unique finds ids that stand twice.
func unique[T any](c *checker, what string, list []T, id func(T) string) {
	seen := map[string]int{}
	for _, item := range list {
		seen[id(item)]++
	}
	for _, s := range sortedKeys(seen) {
		if s != "" && seen[s] > 1 {
			c.addf("%s %s stands %d times", what, quote(s), seen[s])
		}
	}
}

func (c *checker) ruleSet(s policy.RuleSet) {
	c.names("rule set", s.ID, s.Name, s.Version)
	if !slices.Contains([]string{"", "image", "source"}, s.ArtifactType) {
		c.addf("rule set %s: artifact_type %s is none of: image, source", quote(s.ID), quote(s.ArtifactType))
	}
	unique(c, "rule set "+quote(s.ID)+": rule", s.Rules, func(r policy.Rule) string { return r.ID })
	for i, r := range s.Rules {
		where := fmt.Sprintf("rule set %s, rule %s", quote(s.ID), quote(r.ID))
		if r.ID == "" || len(r.ID) > maxName {
			c.addf("rule set %s, rule number %d: its id is missing or longer than %d bytes", quote(s.ID), i+1, maxName)
		}
		_, defects := compileRule(r)
		for _, d := range defects {
			c.addf("%s: %s", where, d)
		}
	}
}

func (c *checker) allowlist(l policy.Allowlist) {
	c.names("allowlist", l.ID, l.Name, l.Version)
	unique(c, "allowlist "+quote(l.ID)+": item", l.Items, func(i policy.AllowlistItem) string { return i.ID })
	for _, item := range l.Items {
		where := fmt.Sprintf("allowlist %s, item %s", quote(l.ID), quote(item.ID))
		if item.ID == "" || len(item.ID) > maxName {
			c.addf("%s: its id is missing or longer than %d bytes", where, maxName)
		}
		if _, ok := gateNamed(item.Gate); !ok {
			c.addf("%s: gate %s is unknown", where, quote(item.Gate))
		}
		if item.TriggerID == "" {
			c.addf("%s: trigger_id is missing", where)
		} else if _, err := compileWildcard(item.TriggerID); err != nil {
			c.addf("%s: trigger_id: %v", where, err)
		}
	}
}

func (c *checker) mapping(m policy.Mapping, sets map[string]string, lists map[string]bool) {
	where := "mapping " + quote(m.ID)
	c.names("mapping", m.ID, m.Name, "-")
	c.selector(where, m.Registry, m.Repository, m.Image)
	if len(m.RuleSetIDs) == 0 {
		c.addf("%s: it names no rule set", where)
	}
	for _, id := range m.RuleSetIDs {
		switch kind, ok := sets[id]; {
		case !ok:
			c.addf("%s: there is no rule set %s", where, quote(id))
		case kind != "image":
			c.addf("%s: rule set %s is for %s, not for images", where, quote(id), quote(kind))
		}
	}
	for _, id := range m.AllowlistIDs {
		if !lists[id] {
			c.addf("%s: there is no allowlist %s", where, quote(id))
		}
	}
}

func (c *checker) images(list string, rules []policy.ImageRule) {
	unique(c, list+": rule", rules, func(r policy.ImageRule) string { return r.ID })
	for _, r := range rules {
		c.names(list+": rule", r.ID, r.Name, "-")
		c.selector(list+": rule "+quote(r.ID), r.Registry, r.Repository, r.Image)
	}
}

func (c *checker) selector(where, registry, repository string, image policy.ImageRef) {
	if registry == "" {
		c.addf("%s: registry is missing", where)
	}
	if repository == "" {
		c.addf("%s: repository is missing", where)
	}
	if _, err := compileSelector(registry, repository, image); err != nil {
		c.addf("%s: %v", where, err)
	}
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
