package importserver

import (
	"context"
	"slices"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// inheritVulnerabilities marks which of an image's vulnerabilities its base image
// has already: the same in the same version of the same package.
func (a *Account) inheritVulnerabilities(ctx context.Context, i store.Image, base string, v *wire.Vulnerabilities) error {
	b, err := a.baseOf(ctx, i, base)
	if err != nil || b == nil {
		return err
	}
	v.Base = &b.Digest
	type match struct{ id, kind, name, version string }
	has := map[match]bool{}
	_, err = a.server.store.View().EachMatch(ctx, b.ID, func(w report.Vulnerability) {
		kind, _ := wire.PackageType(w.Package.Type)
		has[match{w.ID, kind, w.Package.Name, w.Package.Version}] = true
	})
	if err != nil {
		return err
	}
	for n := range v.Items {
		w := &v.Items[n]
		inherited := has[match{w.ID, w.PackageType, w.PackageName, w.PackageVersion}]
		w.Inherited = &inherited
	}
	return nil
}

// inheritFindings marks which of the findings of verdicts the same policy has of the
// base image, under the same tag; it gives that image's digest.
func (a *Account) inheritFindings(ctx context.Context, i store.Image, p store.Policy, tag, base string, verdicts []store.Evaluation) (*string, error) {
	b, err := a.baseOf(ctx, i, base)
	if err != nil || b == nil {
		return nil, err
	}
	of, err := a.server.evaluate(ctx, *b, p, tag, true, 1)
	if err != nil {
		return nil, err
	}
	type finding struct{ rule, id, gate, trigger string }
	has := map[finding]bool{}
	for _, f := range of[0].Result.Findings {
		has[finding{f.RuleID, f.TriggerID, f.Gate, f.Trigger}] = true
	}
	for n := range verdicts {
		findings := slices.Clone(verdicts[n].Result.Findings)
		for m := range findings {
			mark(&findings[m], has[finding{findings[m].RuleID, findings[m].TriggerID, findings[m].Gate, findings[m].Trigger}])
		}
		verdicts[n].Result.Findings = findings
	}
	return &b.Digest, nil
}

func mark(f *report.Finding, inherited bool) { f.Inherited = &inherited }
