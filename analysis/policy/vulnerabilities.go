package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/report"
)

var vulnerabilitiesGate = Gate{
	Name:        "vulnerabilities",
	Description: "The vulnerabilities of the image's packages, and the database that they were looked up in.",
	Triggers: []Trigger{
		vulnerablePackage,
		denylistedVulnerability,
		exploitedVulnerability,
		staleData,
		dataUnavailable,
	},
}

// severities in their order.
var severities = []string{"unknown", "negligible", "low", "medium", "high", "critical"}

func severityRank(s string) int { return max(0, slices.Index(severities, strings.ToLower(s))) }

var vendorOnly = Parameter{Name: "vendor_only", Kind: Boolean, Default: "true", Description: "Whether vulnerabilities that the vendor will not fix are left out.", Example: "true"}

var vulnerablePackage = Trigger{
	Name:        "package",
	Description: "Fires for each vulnerability of each package that meets every condition given. Its trigger id is the vulnerability, \"+\" and the package's name; for Java and Ruby packages, their file's name, for npm's, their folder's.",
	Parameters: slices.Concat(
		[]Parameter{
			{Name: "package_type", Kind: Choice, Required: true, Choices: []string{"all", "os", "non-os"}, Description: "Only packages of the operating system, or only others.", Example: "all"},
			{Name: "severity_comparison", Kind: Choice, Choices: comparisons, Default: ">", Description: "How the severity must compare.", Example: ">"},
			{Name: "severity", Kind: Choice, Choices: severities, Default: "unknown", Description: "The severity to compare with.", Example: "high"},
		},
		scoreParameters(),
		[]Parameter{
			{Name: "fix_available", Kind: Boolean, Description: "Only with, or only without, a version that fixes it.", Example: "true"},
			vendorOnly,
			{Name: "max_days_since_creation", Kind: Integer, Description: "Only if it was published at least so many days ago. One whose date is unknown counts as old.", Example: "7"},
			{Name: "max_days_since_fix", Kind: Integer, Description: "Only if its fix was first seen at least so many days ago; only where fix_available is true. A fix whose date is unknown counts as old.", Example: "30"},
			{Name: "package_path_exclude", Kind: Pattern, Description: "Not in packages, other than the operating system's, whose every path matches from its start.", Example: `.*test\.jar`},
		}),
	build: ask(vulnerable),
}

// vulnerable fires for what meets every condition.
func vulnerable(v values, s *scene, out *outcome) {
	if s.unmatched(out) {
		return
	}
	if v.text("package_type") != "non-os" {
		s.unlisted(out)
	}
	scores := scoresOf(v)
	for _, m := range s.Matches.Vulnerabilities {
		f := s.finding(m)
		if !f.inClass(v.text("package_type")) || !f.severe(v) || !f.fixed(v, s) || !f.old(v, s) || f.excluded(v) {
			continue
		}
		if told, ok := scores.hold(m); ok {
			out.fireRemedied(f.triggerID(), f.message(told), f.remedies())
		}
	}
}

// unmatched tells the outcome if vulnerabilities were not looked up.
func (s *scene) unmatched(out *outcome) bool {
	if s.Matches.Database.Present {
		return false
	}
	why := "there is no vulnerability database"
	if e := s.Matches.Database.Error; e != "" {
		why += " (" + e + ")"
	}
	out.missf("%s: vulnerabilities were not looked for", why)
	return true
}

// unlisted tells the outcome if little can be known of the operating system's packages.
func (s *scene) unlisted(out *outcome) {
	if !s.unknownDistro() {
		return
	}
	why, facts := "the image does not name its distribution", s.Evidence.Facts
	if facts.Distro != "" {
		why = "the vulnerability database has no records of " + strings.TrimSpace(facts.Distro+" "+facts.DistroVersion)
	}
	out.missf("%s: vulnerabilities of the operating system's packages may be missing", why)
}

func (f vulnerability) inClass(class string) bool {
	return class == "all" || (class == "os") == f.os
}

// severe compares the severity, and leaves out what the vendor will not fix.
func (f vulnerability) severe(v values) bool {
	if v.boolean(vendorOnly.Name) && f.match.FixState == "wont-fix" {
		return false
	}
	return holds(v.text("severity_comparison"), compareNumbers(severityRank(f.match.Severity), severityRank(v.text("severity"))))
}

func (f vulnerability) fixed(v values, s *scene) bool {
	if !v.has("fix_available") {
		return true
	}
	if v.boolean("fix_available") != (len(f.match.FixVersions) > 0) {
		return false
	}
	if !v.boolean("fix_available") || !v.has("max_days_since_fix") || f.match.FixObserved.IsZero() {
		return true
	}
	return s.daysSince(f.match.FixObserved) >= float64(v.integer("max_days_since_fix"))
}

func (f vulnerability) old(v values, s *scene) bool {
	if !v.has("max_days_since_creation") || f.match.Published.IsZero() {
		return true
	}
	return s.daysSince(f.match.Published) >= float64(v.integer("max_days_since_creation"))
}

func (f vulnerability) excluded(v values) bool {
	if f.os || !v.has("package_path_exclude") || len(f.paths) == 0 {
		return false
	}
	return !slices.ContainsFunc(f.paths, func(p string) bool { return !v.pattern("package_path_exclude").match(p) })
}

// message says what was found and, in told, by which scores.
func (f vulnerability) message(told string) string {
	fix := ""
	if len(f.match.FixVersions) > 0 {
		fix = fmt.Sprintf("(fixed in: %s)", strings.Join(f.match.FixVersions, ", "))
	}
	class, where := "os", f.match.Package.Name
	if !f.os {
		class = "non-os"
		where = orElse(first(f.paths), where)
	}
	return fmt.Sprintf("%s Vulnerability found in %s package type (%s) - %s %s%s(%s - %s)",
		strings.ToUpper(orElse(f.match.Severity, "Unknown")), class, f.kind, where, fix, told, f.match.ID, linkOf(f.match))
}

func linkOf(v report.Vulnerability) string {
	return orElse(v.DataSource, orElse(first(v.URLs), "None"))
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
