package vulns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// Lookup is what the database knows of vulnerabilities of some names, whether or not
// anything has them: one for each record and each package that it is about. The
// package's version is the range that is affected, as in "< 3.0.2"; "*" is any. Without
// a database it is nothing.
func (d *Database) Lookup(ctx context.Context, names []string) ([]report.Vulnerability, error) {
	g, err := d.acquire(ctx)
	if err != nil || g == nil {
		return nil, err
	}
	defer d.release(g)
	all, most := []report.Vulnerability{}, d.opts.Limits.Affected
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		some, err := g.named(name, most+1)
		if err != nil && !errors.Is(err, v6.ErrLimitReached) {
			return nil, fmt.Errorf("look up %.100q in the vulnerability database: %w", name, err)
		}
		if all = append(all, some...); err != nil || len(all) > most {
			return nil, fault.New(fault.TooLarge, "look up vulnerabilities: they are about more than %d packages", most).
				WithHint("ask for fewer at once")
		}
	}
	return all, nil
}

// named gives the records of one name: those of distributions and of languages,
// which name packages, and those that name products by CPE.
func (g *generation) named(name string, most int) ([]report.Vulnerability, error) {
	of := v6.VulnerabilitySpecifiers{{Name: name}}
	packages, err := g.reader.GetAffectedPackages(nil, &v6.GetPackageOptions{
		PreloadOS: true, PreloadPackage: true, PreloadVulnerability: true, PreloadBlob: true, Limit: most, Vulnerabilities: of,
	})
	if err != nil {
		return nil, err
	}
	var all []report.Vulnerability
	for _, p := range packages {
		if p.Vulnerability == nil || p.Package == nil {
			continue
		}
		about := report.Package{Name: p.Package.Name, Type: p.Package.Ecosystem}
		v, err := g.known(vulnerability.Reference{ID: p.Vulnerability.Name, Namespace: v6.MimicV5Namespace(p.Vulnerability, &p)}, about, p.BlobValue)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	products, err := g.reader.GetAffectedCPEs(nil, &v6.GetCPEOptions{
		PreloadCPE: true, PreloadVulnerability: true, PreloadBlob: true, Limit: most, Vulnerabilities: of,
	})
	if err != nil {
		return nil, err
	}
	for _, p := range products {
		if p.Vulnerability == nil || p.CPE == nil {
			continue
		}
		ref := vulnerability.Reference{ID: p.Vulnerability.Name, Namespace: v6.MimicV5Namespace(p.Vulnerability, nil)}
		v, err := g.known(ref, report.Package{Name: p.CPE.Product}, p.BlobValue)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// known is a record, and one package or product that it is about.
func (g *generation) known(ref vulnerability.Reference, about report.Package, affected *v6.PackageBlob) (report.Vulnerability, error) {
	v := report.Vulnerability{ID: ref.ID, Namespace: ref.Namespace, Severity: severity(""), FixState: fixState(""), Package: about}
	meta, err := g.lookUp(ref)
	if err != nil {
		return v, err
	}
	describeVulnerability(&v, meta, nil)
	if affected == nil {
		return v, nil
	}
	var ranges []string
	for _, r := range affected.Ranges {
		if r.Version.Constraint != "" {
			ranges = append(ranges, r.Version.Constraint)
		}
		switch {
		case r.Fix == nil:
		case r.Fix.State == v6.FixedStatus:
			v.FixState = string(vulnerability.FixStateFixed)
			v.FixVersions = append(v.FixVersions, r.Fix.Version)
		case len(v.FixVersions) == 0 && r.Fix.State == v6.WontFixStatus:
			v.FixState = string(vulnerability.FixStateWontFix)
		case len(v.FixVersions) == 0 && r.Fix.State == v6.NotFixedStatus:
			v.FixState = string(vulnerability.FixStateNotFixed)
		}
	}
	v.Package.Version = cmp.Or(strings.Join(ranges, " || "), anyVersion)
	return v, nil
}

// anyVersion is the range of a record that names none.
const anyVersion = "*"
