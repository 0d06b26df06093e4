package vulns

import (
	"context"
	"fmt"
	"slices"

	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
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
	p, err := d.packages(ctx, b, g.silence)
	if err != nil {
		return m, err
	}
	m.Database = g.record.Database
	notes, unknown, err := g.distroNotes(p)
	if err != nil {
		return report.Matches{}, err
	}
	m.DistroUnknown = len(notes) > 0
	m.Notes = append(d.ageNotes(m.Database), notes...)
	if err := g.match(ctx, p, unknown, &m); err != nil {
		return report.Matches{}, fmt.Errorf("match packages with vulnerabilities: %w", err)
	}
	return m, nil
}

// match adds what grype finds to m. Of unknown packages it remembers nothing.
func (g *generation) match(ctx context.Context, p some, unknown map[pkg.ID]bool, m *report.Matches) error {
	matchers, problems := newMatchers(g.answers)
	vm := grype.VulnerabilityMatcher{
		VulnerabilityProvider: g.provider,
		Matchers:              matchers,
		IgnoreRules:           ignoreRules,
	}
	unsaid := slices.DeleteFunc(slices.Clone(p.packages), func(one pkg.Package) bool {
		key, ok := p.keys[one.ID]
		return ok && g.silence.has(key)
	})
	found, ignored, err := vm.FindMatchesContext(ctx, unsaid, p.where)
	if ctx.Err() != nil {
		return context.Cause(ctx) // grype gives no error for this, and no matches
	}
	if problems.tooMany() {
		return fault.New(fault.TooLarge, "its %d packages have more than %d vulnerabilities", len(p.packages), maxMatches).
			WithHint("look at its packages, and whether they are installed as often as they are listed")
	}
	if err != nil {
		return err
	}
	g.noteSilent(p, unsaid, problems.said, unknown)
	m.Ignored = len(ignored)
	m.Notes = append(m.Notes, problems.notes()...)
	return g.convert(ctx, p.packages, found, m)
}

// noteSilent notes the packages that no matcher said anything of, in a run over them
// that came to its end.
func (g *generation) noteSilent(p some, asked []pkg.Package, said, unknown map[pkg.ID]bool) {
	for _, one := range asked {
		// A package of an unknown distribution is noted in every report.
		if key, ok := p.keys[one.ID]; ok && !said[one.ID] && !unknown[one.ID] {
			g.silence.add(key)
		}
	}
}

// convert adds the matches to m in the order of reports.
func (g *generation) convert(ctx context.Context, packages []pkg.Package, found *match.Matches, m *report.Matches) error {
	c := newConverter(g, packages)
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
