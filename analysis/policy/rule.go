package policy

import (
	"fmt"
	"strings"

	"github.com/tidepole/tidepole/formats/policy"
)

// compiledRule is a rule that can be run.
type compiledRule struct {
	gate, trigger string // as this version calls them
	action        string // go, warn, stop
	retired       string // why it never fires, where it never does
	check         check
}

// compileRule reads a rule and lists everything wrong with it.
func compileRule(r policy.Rule) (compiledRule, []string) {
	var c compiledRule
	var defects []string
	c.action = strings.ToLower(r.Action)
	if _, ok := severity[c.action]; !ok {
		defects = append(defects, fmt.Sprintf("action %s is none of: GO, WARN, STOP", quote(r.Action)))
	}
	g, ok := gateNamed(r.Gate)
	if !ok {
		return c, append(defects, fmt.Sprintf("gate %s is unknown; there are: %s", quote(r.Gate), gateNames()))
	}
	c.gate, c.trigger = g.Name, strings.ToLower(r.Trigger)
	if g.Retired {
		c.retired = "the gate is retired and never fires"
		if g.Instead != "" {
			c.retired += "; use " + g.Instead
		}
		return c, defects
	}
	t, ok := g.trigger(r.Trigger)
	if !ok {
		return c, append(defects, fmt.Sprintf("trigger %s is unknown; %s has: %s", quote(r.Trigger), g.Name, g.triggerNames()))
	}
	c.trigger = t.Name
	if t.Retired {
		c.retired = "the trigger is retired and never fires: there is no feed of all packages of an ecosystem"
		return c, defects
	}
	v, wrong := readParameters(t, r.Params)
	defects = append(defects, wrong...)
	if len(defects) > 0 {
		return c, defects
	}
	var err error
	if c.check, err = t.build(v); err != nil {
		defects = append(defects, err.Error())
	}
	return c, defects
}

// ask builds a check that needs nothing read beyond its parameters.
func ask(f func(v values, s *scene, out *outcome)) func(values) (check, error) {
	return func(v values) (check, error) {
		return func(s *scene, out *outcome) { f(v, s, out) }, nil
	}
}
