package wire

import (
	"cmp"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// none stands for a text that is not known, as the API has it.
const none = "None"

// packageTypes are the API's names of package types where syft's differ.
var packageTypes = map[string]string{
	"deb": "dpkg", "apk": "apkg", "msrc-kb": "kb", "java-archive": "java", "jenkins-plugin": "java",
	"go-module": "go", "dotnet": "nuget", "php-composer": "composer",
}

// systemTypes are syft's types of packages that make up an operating system.
var systemTypes = map[string]bool{"deb": true, "rpm": true, "apk": true, "alpm": true, "portage": true, "msrc-kb": true}

// PackageType is the API's name of syft's package type, and whether packages of
// that type make up an operating system.
func PackageType(syft string) (name string, os bool) {
	return cmp.Or(packageTypes[syft], syft), systemTypes[syft]
}

// VulnerabilitiesOf is the answer to a question for an image's vulnerabilities.
func VulnerabilitiesOf(digest string, m report.Matches, f VulnerabilityFilter) Vulnerabilities {
	v := Vulnerabilities{
		Digest: digest, Type: cmp.Or(f.Type, "all"), Items: []Vulnerability{},
		Database: m.Database, Notes: m.Notes,
	}
	for _, found := range Chosen(m.Vulnerabilities, f) {
		v.Items = append(v.Items, vulnerabilityOf(found, f.Descriptions))
	}
	return v
}

// Chosen are the vulnerabilities that a filter lets pass.
func Chosen(all []report.Vulnerability, f VulnerabilityFilter) []report.Vulnerability {
	var chosen []report.Vulnerability
	for _, v := range all {
		_, os := PackageType(v.Package.Type)
		if f.Type == "os" && !os || f.Type == "non-os" && os || f.VendorOnly && willNotFix(v) {
			continue
		}
		if !f.Descriptions {
			v.Description = ""
		}
		chosen = append(chosen, v)
	}
	return chosen
}

func willNotFix(v report.Vulnerability) bool { return v.FixState == "wont-fix" }

func vulnerabilityOf(v report.Vulnerability, describe bool) Vulnerability {
	kind, _ := PackageType(v.Package.Type)
	out := Vulnerability{
		ID:             v.ID,
		Severity:       cmp.Or(v.Severity, "Unknown"),
		Fix:            cmp.Or(strings.Join(v.FixVersions, ","), none),
		URL:            cmp.Or(v.DataSource, first(v.URLs), none),
		Package:        v.Package.Name + "-" + v.Package.Version,
		PackageName:    v.Package.Name,
		PackageVersion: cmp.Or(v.Package.Version, none),
		PackageType:    cmp.Or(kind, none),
		PackageCPE:     cmp.Or(first(v.Package.CPEs), none),
		PackagePath:    cmp.Or(first(v.Package.Paths), none),
		PURL:           v.Package.PURL,
		Feed:           "vulnerabilities",
		FeedGroup:      cmp.Or(v.Namespace, none),
		WillNotFix:     willNotFix(v),
		SuggestedFix:   first(v.FixVersions),
		DetectedAt:     known(v.Detected),
		FixObservedAt:  known(v.FixObserved),
		Exploited:      v.Exploited,
		EPSS:           []EPSS{},
		Risk:           v.Risk,
	}
	if describe {
		out.Description = v.Description
	}
	for _, e := range v.EPSS {
		out.EPSS = append(out.EPSS, EPSS{Score: e.Score, Percentile: e.Percentile})
	}
	out.NVD, out.Vendor = scoresOf(v)
	return out
}

// scoresOf splits what is known of a vulnerability by whose record says it. A
// record of NVD is named even where it has no score, since its id is the CVE.
func scoresOf(v report.Vulnerability) (nvd, vendor []Score) {
	nvd, vendor = []Score{}, []Score{}
	records := append([]report.Related{{ID: v.ID, Namespace: v.Namespace, CVSS: v.CVSS}}, v.Related...)
	for _, r := range records {
		scores := recordScores(r)
		if !strings.HasPrefix(r.Namespace, "nvd") {
			vendor = append(vendor, scores...)
			continue
		}
		if len(scores) == 0 {
			scores = []Score{{ID: r.ID, CVSS2: unknownScore, CVSS3: unknownScore}}
		}
		nvd = append(nvd, scores...)
	}
	return nvd, vendor
}

var unknownScore = CVSSScore{Base: -1, Exploitability: -1, Impact: -1}

// recordScores are a record's scores, one for each source and type.
func recordScores(r report.Related) []Score {
	var scores []Score
	places := map[[2]string]int{}
	for _, c := range r.CVSS {
		key := [2]string{c.Source, c.Type}
		at, ok := places[key]
		if !ok {
			at = len(scores)
			places[key] = at
			scores = append(scores, Score{ID: r.ID, Source: c.Source, Type: c.Type, CVSS2: unknownScore, CVSS3: unknownScore})
		}
		switch s := (CVSSScore{c.Base, c.Exploitability, c.Impact}); {
		case strings.HasPrefix(c.Version, "2"):
			scores[at].CVSS2 = s
		case strings.HasPrefix(c.Version, "3") && s.Base >= scores[at].CVSS3.Base:
			scores[at].CVSS3 = s
		}
	}
	return scores
}

// EvaluationOf is one evaluation in the answer to a check: with the policy and
// the findings themselves where detail is asked for.
func EvaluationOf(e report.Evaluation, p policy.Policy, db report.Database, detail bool) Evaluation {
	out := Evaluation{
		Time: e.Time, Status: e.Status, FinalAction: e.FinalAction, FinalActionReason: e.FinalActionReason,
		ImageAllowlisted: e.ImageAllowlisted, ImageDenylisted: e.ImageDenylisted, ImageMapped: e.ImageMapped,
		AllowlistedBy: e.AllowlistedBy, DenylistedBy: e.DenylistedBy,
		Findings: len(e.Findings), Problems: filled(e.Problems), Database: db,
	}
	if e.MappedBy != nil {
		m := wholeMapping(*e.MappedBy)
		out.MappedBy = &m
	}
	if detail {
		out.Details = &EvaluationDetails{Policy: WholePolicy(p), Action: e.PolicyAction, Findings: filled(e.Findings), Remediations: filled(e.Remediations)}
	}
	return out
}

// WholePolicy is the policy with empty lists where the API requires lists; the
// one given is left as it is.
func WholePolicy(p policy.Policy) policy.Policy {
	p.RuleSets = each(p.RuleSets, func(s policy.RuleSet) policy.RuleSet {
		s.Rules = each(s.Rules, func(r policy.Rule) policy.Rule {
			r.Params = filled(r.Params)
			return r
		})
		return s
	})
	p.Allowlists = each(p.Allowlists, func(l policy.Allowlist) policy.Allowlist {
		l.Items = filled(l.Items)
		return l
	})
	p.Mappings = each(p.Mappings, wholeMapping)
	return p
}

func wholeMapping(m policy.Mapping) policy.Mapping {
	m.RuleSetIDs, m.AllowlistIDs = filled(m.RuleSetIDs), filled(m.AllowlistIDs)
	return m
}

// each is a new list of what f makes of the items; never null.
func each[T any](list []T, f func(T) T) []T {
	out := make([]T, len(list))
	for i, item := range list {
		out[i] = f(item)
	}
	return out
}

// filled is the list, never null.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
