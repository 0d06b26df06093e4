package policy

import (
	"fmt"
	"strings"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// judge runs rules and gathers what they find.
type judge struct {
	e       *report.Evaluation
	scene   *scene
	allow   allowlists
	action  string
	rules   int // that were judged, or cannot be
	dropped int
	told    map[report.Problem]bool
	cures   cures
}

func newJudge(e *report.Evaluation, in Input) *judge {
	return &judge{e: e, scene: newScene(in), action: report.Go, told: map[report.Problem]bool{}}
}

// judge runs every rule set that the mapping names, each to its end; the worst
// of them decides.
func (j *judge) judge(p policy.Policy, m policy.Mapping) {
	var defects []string
	j.allow, defects = compileAllowlists(p, m, j.scene.Now)
	j.invalid(defects)
	for _, id := range m.RuleSetIDs {
		set, err := imageRuleSet(p, id)
		if err != nil {
			j.invalid([]string{fmt.Sprintf("mapping %s: %v", quote(m.ID), err)})
			continue
		}
		for _, r := range set.Rules {
			j.rule(set, r)
		}
	}
}

// notJudged says so where no rule was about the image: its go means nothing then.
func (j *judge) notJudged() {
	switch {
	case j.rules > 0:
	case !j.e.ImageMapped:
		j.problem("warn", report.ProblemNotJudged, "no mapping of the policy matches this image: nothing was judged")
	default:
		j.problem("warn", report.ProblemNotJudged, fmt.Sprintf("the rule sets of mapping %s have no rules that can fire: nothing was judged", quote(j.e.MappedBy.ID)))
	}
}

// imageRuleSet is the rule set of that id, if it is one for images.
func imageRuleSet(p policy.Policy, id string) (policy.RuleSet, error) {
	for _, s := range p.RuleSets {
		if s.ID != id {
			continue
		}
		if s.ArtifactType != "" && s.ArtifactType != "image" {
			return s, fmt.Errorf("rule set %s is for %s, not for images", quote(id), quote(s.ArtifactType))
		}
		return s, nil
	}
	return policy.RuleSet{}, fmt.Errorf("there is no rule set %s", quote(id))
}

func (j *judge) rule(set policy.RuleSet, r policy.Rule) {
	c, defects := compileRule(r)
	place := clip(r.Gate) + "/" + clip(r.Trigger)
	where := fmt.Sprintf("%s (rule %s of rule set %s)", place, quote(r.ID), quote(set.ID))
	if len(defects) > 0 {
		for _, d := range defects {
			j.invalid([]string{where + ": " + d})
		}
		return
	}
	if c.retired != "" {
		j.problem("warn", report.ProblemRetired, where+": "+c.retired)
		return
	}
	j.rules++
	c.check(j.scene, &outcome{
		gate: c.gate, trigger: c.trigger, rule: r.ID, seen: map[[2]string]bool{},
		fire: func(f firing) { j.finding(set, r, c, f) },
		miss: func(what string) { j.problem("warn", report.ProblemNoData, place+": "+what) }, // of all such rules at once
	})
}

func (j *judge) finding(set policy.RuleSet, r policy.Rule, c compiledRule, f firing) {
	match := j.allow.match(c.gate, f.id)
	if match == nil {
		j.action = worse(j.action, c.action)
	}
	if len(j.e.Findings) == MaxFindings {
		j.dropped++
		return
	}
	j.e.Findings = append(j.e.Findings, report.Finding{
		TriggerID: f.id, Gate: c.gate, Trigger: c.trigger, Message: f.message, Action: c.action,
		RuleSetID: set.ID, RuleID: r.ID, Recommendation: r.Recommendation,
		Allowlisted: match != nil, AllowlistMatch: match,
	})
	if match == nil {
		j.cures.add(c.gate, c.trigger, f)
	}
}

// invalid records what cannot be evaluated as it is written.
func (j *judge) invalid(defects []string) {
	for _, d := range defects {
		j.rules++
		j.action = report.Stop
		j.problem("error", report.ProblemInvalidRule, d)
	}
}

func (j *judge) problem(severity, kind, details string) {
	p := report.Problem{Severity: severity, Type: kind, Details: details}
	if !j.told[p] {
		j.told[p] = true
		j.e.Problems = append(j.e.Problems, p)
	}
}

func (j *judge) finish() {
	j.e.PolicyAction = j.action
	j.e.Remediations = j.cures.list
	if j.dropped > 0 {
		j.problem("warn", report.ProblemTruncated,
			fmt.Sprintf("%d findings beyond the first %d are not listed; they count for the verdict", j.dropped, MaxFindings))
	}
}

// clip keeps a stranger's name bearable.
func clip(s string) string { return strings.Trim(quote(s), `"`) }
