package images

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

const passed = report.Pass

// undecided says why a verdict is not one, where the user asked for that.
func (g gate) undecided(now time.Time, j judgement, e wire.Evaluation) string {
	var why []string
	if g.complete {
		if j.gaps > 0 {
			why = append(why, gaps(j.gaps))
		}
		for _, p := range e.Problems {
			if p.Undecided() {
				why = append(why, p.Details)
			}
		}
	}
	switch age := now.Sub(e.Database.Built); {
	case !g.complete && g.maxAge == 0:
	case !e.Database.Present:
		why = append(why, "there is no vulnerability database")
	case g.maxAge > 0 && age > time.Duration(g.maxAge):
		why = append(why, fmt.Sprintf("the vulnerability database is %s old, more than %s", output.Span(age), g.maxAge))
	}
	return strings.Join(why, "; ")
}

// show writes the result of a check.
func (j judgement) show(e *env.Env, format string, o checkOptions) error {
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, j.check)
	case output.CSV:
		return findings(j.latest(), true).CSV(e.Out)
	}
	latest := j.latest()
	if !o.history {
		return j.showOne(e, o, latest)
	}
	for i, evaluation := range j.check.Evaluations {
		if i > 0 {
			if _, err := fmt.Fprintln(e.Out); err != nil {
				return err
			}
		}
		current := j
		if !evaluation.Time.Equal(latest.Time) {
			current.gaps = 0 // those of the evidence there is now
		}
		if err := current.showOne(e, o, evaluation); err != nil {
			return err
		}
	}
	return nil
}

func (j judgement) showOne(e *env.Env, o checkOptions, v wire.Evaluation) error {
	l := output.NewLines(e.Out)
	l.Add("Tag", "%s", j.check.Tag)
	l.Add("Digest", "%s", j.check.Digest)
	l.Add("Policy ID", "%s", j.check.PolicyID)
	l.Add("Last Evaluation", "%s", output.Time(v.Time))
	l.Add("Evaluation", "%s", v.Status)
	if o.detail {
		l.Add("Final Action", "%s", v.FinalAction)
		l.Add("Reason", "%s", v.FinalActionReason)
	}
	if v.Database.Present {
		l.Add("Database", "%s", databaseText(e, v.Database))
	} else {
		l.Add("Database", "no vulnerability database: vulnerabilities were not looked for")
	}
	if j.gaps > 0 {
		l.Add("Gaps", "%s", gaps(j.gaps))
	}
	for _, p := range v.Problems {
		l.Add("Problem", "%s: %s: %s", p.Severity, p.Type, p.Details)
	}
	if !o.detail || v.Details == nil {
		return l.Err()
	}
	l.Add("Findings", "%d", v.Findings)
	if len(v.Details.Findings) == 0 || l.Err() != nil {
		return l.Err()
	}
	l.Blank()
	return findings(v, e.Global.Verbose > 0).Write(e.Out, e.Out.Columns())
}

// weights order findings: what decides over the verdict first.
var weights = map[string]int{report.Stop: 0, report.Warn: 1, report.Go: 2}

// findings are the firings of the policy's rules, as a table; ids adds what
// allowlists name them by.
func findings(v wire.Evaluation, ids bool) *table.Table {
	columns := []table.Column{{Name: "Gate"}, {Name: "Trigger"}, {Name: "Description", Wrap: true}, {Name: "Status"}}
	if ids {
		columns = append(columns, table.Column{Name: "Trigger ID"})
	}
	t := table.New(columns...)
	if v.Details == nil {
		return t
	}
	for _, f := range ordered(v.Details.Findings) {
		status := f.Action
		if f.Allowlisted {
			status += " (allowlisted)"
		}
		t.Row(f.Gate, f.Trigger, f.Message, status, f.TriggerID)
	}
	return t
}

// ordered are the findings by weight; those set aside come last.
func ordered(findings []report.Finding) []report.Finding {
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b report.Finding) int {
		if a.Allowlisted != b.Allowlisted {
			if b.Allowlisted {
				return -1
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(weights[a.Action], weights[b.Action]), cmp.Compare(a.Gate, b.Gate),
			cmp.Compare(a.Trigger, b.Trigger), cmp.Compare(a.Message, b.Message))
	})
	return findings
}
