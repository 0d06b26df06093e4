package vulns

import (
	"context"
	"fmt"

	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/report"
)

// Match finds the vulnerabilities of a bundle's packages. Without a database
// it finds none and says so: Database.Present is false.
func (d *Database) Match(ctx context.Context, b *bundle.Bundle) (report.Matches, error) {
	m := report.Matches{Vulnerabilities: []report.Vulnerability{}}
	g, err := d.acquire(ctx)
	if err != nil {
		return m, err
	}
	if g == nil {
		m.Database = absent()
		m.Notes = []string{"no vulnerability database"}
		return m, nil
	}
	defer d.release(g)
	packages, where, err := d.packages(ctx, b)
	if err != nil {
		return m, err
	}
	m.Database = g.record.Database
	unknown := distroNotes(packages, where)
	m.DistroUnknown = len(unknown) > 0
	m.Notes = append(d.ageNotes(m.Database), unknown...)
	if err := g.match(ctx, packages, where, &m); err != nil {
		return report.Matches{}, fmt.Errorf("match packages with vulnerabilities: %w", err)
	}
	return m, nil
}

// match adds what grype finds to m.
func (g *generation) match(ctx context.Context, packages []pkg.Package, where pkg.Context, m *report.Matches) error {
	matchers, problems := newMatchers()
	vm := grype.VulnerabilityMatcher{
		VulnerabilityProvider: g.provider,
		Matchers:              matchers,
		IgnoreRules:           ignoreRules,
	}
	found, ignored, err := vm.FindMatchesContext(ctx, packages, where)
	if ctx.Err() != nil {
		return context.Cause(ctx) // grype gives no error for this, and no matches
	}
	if err != nil {
		return err
	}
	m.Ignored = len(ignored)
	m.Notes = append(m.Notes, problems.notes()...)
	return g.convert(ctx, packages, found, m)
}

// convert adds the matches to m in the order of reports.
func (g *generation) convert(ctx context.Context, packages []pkg.Package, found *match.Matches, m *report.Matches) error {
	c := newConverter(g.provider, packages)
	for f := range found.Enumerate() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v, err := c.vulnerability(f)
		if err != nil {
			return err
		}
		m.Vulnerabilities = append(m.Vulnerabilities, v)
	}
	order(m.Vulnerabilities)
	return nil
}

// ageNotes says when a database is older than it should be.
func (d *Database) ageNotes(db report.Database) []string {
	if d.opts.MaxAge <= 0 || d.opts.Now().Sub(db.Built) <= d.opts.MaxAge {
		return nil
	}
	return []string{fmt.Sprintf("the vulnerability database was built on %s, more than %s ago", db.Built.Format("2006-01-02"), d.opts.MaxAge)}
}

// distroNotes says what cannot be matched for want of a known distribution.
func distroNotes(packages []pkg.Package, where pkg.Context) []string {
	if where.DistroDetectionFailed {
		return []string{"the distribution is unknown to grype: vulnerabilities of its packages may be missing"}
	}
	for _, p := range packages {
		if p.Distro == nil && ofDistro(p) {
			return []string{"the image does not name its distribution: vulnerabilities of its packages may be missing"}
		}
	}
	return nil
}
