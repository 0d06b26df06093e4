// Package policy judges an image by a policy: from its evidence and its
// vulnerabilities to findings and a verdict.
//
// Gates, triggers, parameters and what they mean follow the Anchore API, so
// that policies written for it give the verdicts they give there. What the
// evidence lacks is never taken for something that was looked for and not
// found: such a rule leaves a problem of type no_data behind.
package policy

import (
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// Input is what a policy is evaluated on.
type Input struct {
	Image    report.Image
	Tag      string    // full tag; mappings are matched against it
	Evidence *Evidence // nil is evidence that has nothing
	Matches  report.Matches
	Now      time.Time
}

// MaxFindings bounds the findings that an evaluation lists. Those beyond it
// still count for the verdict, and a problem says how many there were.
const MaxFindings = 50_000

// Evaluate says what the policy says of the image. It does no I/O and keeps
// nothing: equal arguments give equal answers.
//
// A policy that Check refuses can be evaluated nevertheless: each rule that
// cannot be is a problem of type invalid_rule, and the verdict is stop.
func Evaluate(p policy.Policy, in Input) report.Evaluation {
	e := report.Evaluation{
		PolicyID: p.ID, PolicyName: p.Name, Tag: in.Tag, Time: in.Now,
		Problems: []report.Problem{}, Findings: []report.Finding{},
	}
	t := targetOf(in)
	deny, denyDefects := firstImage("denylisted_images", p.DenylistedImages, t)
	allow, allowDefects := firstImage("allowlisted_images", p.AllowlistedImages, t)
	e.DenylistedBy, e.ImageDenylisted = deny, deny != nil
	e.AllowlistedBy, e.ImageAllowlisted = allow, allow != nil

	j := newJudge(&e, in)
	j.invalid(denyDefects)
	j.invalid(allowDefects)
	listsBroken := len(denyDefects)+len(allowDefects) > 0

	mapping, defects := firstMapping(p.Mappings, t)
	j.invalid(defects)
	if mapping != nil {
		e.MappedBy, e.ImageMapped = mapping, true
		j.judge(p, *mapping)
	}
	if deny == nil && allow == nil {
		j.notJudged()
	}
	j.finish()
	decide(&e, listsBroken)
	return e
}

// decide draws the final action from what the rules and the image lists say.
// The lists go before the rules, and the denylist before the allowlist.
func decide(e *report.Evaluation, listsBroken bool) {
	switch {
	case e.ImageDenylisted:
		e.FinalAction, e.FinalActionReason = report.Stop, "denylisted"
	case listsBroken:
		e.FinalAction, e.FinalActionReason = report.Stop, "policy_evaluation"
	case e.ImageAllowlisted:
		e.FinalAction, e.FinalActionReason = report.Go, "allowlisted"
	default:
		e.FinalAction, e.FinalActionReason = e.PolicyAction, "policy_evaluation"
	}
	e.Status = report.Pass
	if e.FinalAction == report.Stop {
		e.Status = report.Fail
	}
}

// severity orders actions.
var severity = map[string]int{report.Go: 0, report.Warn: 1, report.Stop: 2}

// worse is the worse of two actions.
func worse(a, b string) string {
	if severity[b] > severity[a] {
		return b
	}
	return a
}
