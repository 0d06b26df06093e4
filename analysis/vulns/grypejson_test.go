package vulns_test

import (
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// grypeDocument is the part of grype's JSON that a report has too.
type grypeDocument struct {
	Matches        []grypeMatch `json:"matches"`
	IgnoredMatches []grypeMatch `json:"ignoredMatches"`
}

type grypeMatch struct {
	Vulnerability struct {
		grypeRecord
		Fix struct {
			Versions  []string `json:"versions"`
			State     string   `json:"state"`
			Available []struct {
				Date string `json:"date"`
			} `json:"available"`
		} `json:"fix"`
		Advisories []struct {
			Link string `json:"link"`
		} `json:"advisories"`
		Risk float64 `json:"risk"`
	} `json:"vulnerability"`
	Related []grypeRecord `json:"relatedVulnerabilities"`
	Details []struct {
		Type    string `json:"type"`
		Matcher string `json:"matcher"`
	} `json:"matchDetails"`
	Artifact struct {
		ID        string   `json:"id"`
		Name      string   `json:"name"`
		Version   string   `json:"version"`
		Type      string   `json:"type"`
		PURL      string   `json:"purl"`
		Language  string   `json:"language"`
		CPEs      []string `json:"cpes"`
		Locations []struct {
			Path string `json:"path"`
		} `json:"locations"`
		Upstreams []struct {
			Name string `json:"name"`
		} `json:"upstreams"`
	} `json:"artifact"`
}

type grypeRecord struct {
	ID          string   `json:"id"`
	Namespace   string   `json:"namespace"`
	Severity    string   `json:"severity"`
	Description string   `json:"description"`
	DataSource  string   `json:"dataSource"`
	URLs        []string `json:"urls"`
	CVSS        []struct {
		Source  string `json:"source"`
		Type    string `json:"type"`
		Version string `json:"version"`
		Vector  string `json:"vector"`
		Metrics struct {
			Base           float64  `json:"baseScore"`
			Exploitability *float64 `json:"exploitabilityScore"`
			Impact         *float64 `json:"impactScore"`
		} `json:"metrics"`
	} `json:"cvss"`
	EPSS []struct {
		CVE        string  `json:"cve"`
		EPSS       float64 `json:"epss"`
		Percentile float64 `json:"percentile"`
	} `json:"epss"`
	KnownExploited []struct {
		Ransomware string `json:"knownRansomwareCampaignUse"`
	} `json:"knownExploited"`
	CWEs []struct {
		CWE string `json:"cwe"`
	} `json:"cwes"`
}

func (m grypeMatch) report() report.Vulnerability {
	from, a := m.Vulnerability, m.Artifact
	v := report.Vulnerability{
		ID: from.ID, Namespace: from.Namespace, Severity: from.Severity, Description: from.Description, DataSource: from.DataSource,
		URLs: from.URLs, FixState: from.Fix.State, FixVersions: set(from.Fix.Versions), CVSS: from.scores(), Risk: from.Risk,
		Exploited: len(from.KnownExploited) > 0,
		Package:   report.Package{ID: a.ID, Name: a.Name, Version: a.Version, Type: a.Type, PURL: a.PURL, Language: a.Language},
	}
	if v.FixState == "" {
		v.FixState = "unknown"
	}
	for _, f := range from.Fix.Available {
		date, _ := time.Parse(time.DateOnly, f.Date)
		if v.FixObserved.IsZero() || date.Before(v.FixObserved) {
			v.FixObserved = date
		}
	}
	for _, k := range from.KnownExploited {
		v.Ransomware = v.Ransomware || strings.EqualFold(k.Ransomware, "known")
	}
	for _, e := range from.EPSS {
		v.EPSS = append(v.EPSS, report.EPSS{CVE: e.CVE, Score: e.EPSS, Percentile: e.Percentile})
	}
	for _, l := range from.Advisories {
		v.URLs = append(v.URLs, l.Link)
	}
	for _, w := range from.CWEs {
		v.CWEs = append(v.CWEs, w.CWE)
	}
	for _, r := range m.Related {
		v.Related = append(v.Related, report.Related{ID: r.ID, Namespace: r.Namespace, Severity: r.Severity, Description: r.Description, DataSource: r.DataSource, CVSS: r.scores()})
	}
	for _, d := range m.Details {
		if e := (report.Evidence{Type: d.Type, Matcher: d.Matcher}); !slices.Contains(v.Evidence, e) {
			v.Evidence = append(v.Evidence, e)
		}
	}
	for _, l := range a.Locations {
		v.Package.Paths = append(v.Package.Paths, l.Path)
	}
	for _, u := range a.Upstreams {
		v.Package.Upstream = append(v.Package.Upstream, u.Name)
	}
	v.URLs, v.CWEs, v.Package.CPEs = set(v.URLs), set(v.CWEs), set(a.CPEs)
	v.Package.Paths, v.Package.Upstream = set(v.Package.Paths), set(v.Package.Upstream)
	slices.SortFunc(v.Related, func(a, b report.Related) int { return strings.Compare(a.ID+" "+a.Namespace, b.ID+" "+b.Namespace) })
	return v
}

func (r grypeRecord) scores() []report.CVSS {
	var scores []report.CVSS
	for _, c := range r.CVSS {
		s := report.CVSS{Source: c.Source, Type: c.Type, Version: c.Version, Vector: c.Vector, Base: c.Metrics.Base, Exploitability: -1, Impact: -1}
		if c.Metrics.Exploitability != nil {
			s.Exploitability = *c.Metrics.Exploitability
		}
		if c.Metrics.Impact != nil {
			s.Impact = *c.Metrics.Impact
		}
		scores = append(scores, s)
	}
	return scores
}

func set(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
