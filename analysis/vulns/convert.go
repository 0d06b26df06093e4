package vulns

import (
	"cmp"
	"slices"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/file"
	syftpkg "github.com/anchore/syft/syft/pkg"

	"github.com/tidepole/tidepole/formats/report"
)

// converter turns grype's matches into the report's.
type converter struct {
	generation *generation
	packages   map[pkg.ID]pkg.Package
}

func newConverter(g *generation, packages []pkg.Package) *converter {
	c := &converter{generation: g, packages: map[pkg.ID]pkg.Package{}}
	for _, p := range packages {
		c.packages[p.ID] = p
	}
	return c
}

func (c *converter) vulnerability(m match.Match) (report.Vulnerability, error) {
	from := m.Vulnerability
	p, ok := c.packages[m.Package.ID]
	if !ok {
		p = m.Package
	}
	v := report.Vulnerability{
		ID:          from.ID,
		Namespace:   from.Namespace,
		Severity:    severity(""),
		FixState:    fixState(from.Fix.State),
		FixVersions: sortVersions(from.Fix.Versions, pkg.VersionFormat(p)),
		Package:     convertPackage(p),
		Evidence:    evidence(m.Details),
	}
	for _, a := range from.Fix.Available {
		if !a.Date.IsZero() && (v.FixObserved.IsZero() || a.Date.Before(v.FixObserved)) {
			v.FixObserved = a.Date.UTC()
		}
	}
	if h, ok := from.Internal.(*v6.VulnerabilityHandle); ok && h.PublishedDate != nil {
		v.Published = h.PublishedDate.UTC()
	}
	meta := from.Metadata
	if meta == nil {
		var err error
		if meta, err = c.generation.lookUp(from.Reference); err != nil {
			return v, err
		}
	}
	describeVulnerability(&v, meta, from.Advisories)
	return v, c.relate(&v, from.RelatedVulnerabilities)
}

func describeVulnerability(v *report.Vulnerability, meta *vulnerability.Metadata, advisories []vulnerability.Advisory) {
	if meta == nil {
		return
	}
	v.Severity = severity(meta.Severity)
	v.Description = meta.Description
	v.DataSource = meta.DataSource
	v.URLs = slices.Clone(meta.URLs)
	for _, a := range advisories {
		if a.Link != "" && !slices.Contains(v.URLs, a.Link) {
			v.URLs = append(v.URLs, a.Link)
		}
	}
	v.CVSS = cvss(meta.Cvss)
	v.Risk = meta.RiskScore()
	for _, e := range meta.EPSS {
		v.EPSS = append(v.EPSS, report.EPSS{CVE: e.CVE, Score: e.EPSS, Percentile: e.Percentile})
	}
	for _, k := range meta.KnownExploited {
		v.Exploited = true
		v.Ransomware = v.Ransomware || strings.EqualFold(k.KnownRansomwareCampaignUse, "known")
	}
	for _, w := range meta.CWEs {
		v.CWEs = append(v.CWEs, w.CWE)
	}
	slices.Sort(v.CWEs)
	v.CWEs = slices.Compact(v.CWEs)
}

// relate adds the records of the same vulnerability in other sources.
func (c *converter) relate(v *report.Vulnerability, refs []vulnerability.Reference) error {
	for _, ref := range refs {
		meta, err := c.generation.lookUp(ref)
		if err != nil {
			return err
		}
		if meta == nil {
			continue
		}
		v.Related = append(v.Related, report.Related{
			ID: ref.ID, Namespace: ref.Namespace, Severity: severity(meta.Severity),
			Description: meta.Description, DataSource: meta.DataSource, CVSS: cvss(meta.Cvss),
		})
	}
	slices.SortFunc(v.Related, func(a, b report.Related) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Namespace, b.Namespace))
	})
	return nil
}

func cvss(from []vulnerability.Cvss) []report.CVSS {
	var scores []report.CVSS
	for _, s := range from {
		scores = append(scores, report.CVSS{
			Source: s.Source, Type: s.Type, Version: s.Version, Vector: s.Vector,
			Base:           s.Metrics.BaseScore,
			Exploitability: known(s.Metrics.ExploitabilityScore),
			Impact:         known(s.Metrics.ImpactScore),
		})
	}
	return scores
}

func known(score *float64) float64 {
	if score == nil {
		return -1
	}
	return *score
}

func evidence(details match.Details) []report.Evidence {
	out := []report.Evidence{}
	for _, d := range details {
		e := report.Evidence{Type: string(d.Type), Matcher: string(d.Matcher)}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func convertPackage(p pkg.Package) report.Package {
	out := report.Package{
		ID: string(p.ID), Name: p.Name, Version: p.Version, Type: string(p.Type),
		PURL: p.PURL, Language: string(p.Language), Paths: paths(p.Locations),
	}
	for _, c := range p.CPEs {
		out.CPEs = append(out.CPEs, c.Attributes.String())
	}
	for _, u := range p.Upstreams {
		out.Upstream = append(out.Upstream, u.Name)
	}
	slices.Sort(out.CPEs)
	slices.Sort(out.Upstream)
	out.Upstream = slices.Compact(out.Upstream)
	return out
}

// paths are where a package was found: first the files that say it is there,
// then those that only support it.
func paths(locations file.LocationSet) []string {
	var primary, other []string
	for _, l := range locations.ToSlice() {
		if l.Annotations[syftpkg.EvidenceAnnotationKey] == syftpkg.PrimaryEvidenceAnnotation {
			primary = append(primary, l.RealPath)
		} else {
			other = append(other, l.RealPath)
		}
	}
	slices.Sort(primary)
	slices.Sort(other)
	var out []string
	for _, p := range append(primary, other...) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// sortVersions sorts by the package's own rules; what is not a version by them
// comes last.
func sortVersions(versions []string, format version.Format) []string {
	sorted := slices.Clone(versions)
	valid := func(v string) bool { return version.New(v, format).Validate() == nil }
	slices.SortFunc(sorted, func(a, b string) int {
		switch va, vb := valid(a), valid(b); {
		case va && vb:
			if c, err := version.New(a, format).Compare(version.New(b, format)); err == nil && c != 0 {
				return c
			}
		case va:
			return -1
		case vb:
			return 1
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(sorted)
}
