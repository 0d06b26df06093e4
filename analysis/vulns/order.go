package vulns

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/vulnerability"

	"github.com/tidepole/tidepole/formats/report"
)

// severities are the report's names of grype's severities, lowest first.
var severities = []string{"Unknown", "Negligible", "Low", "Medium", "High", "Critical"}

// severity is the report's spelling of a severity.
func severity(s string) string { return severities[vulnerability.ParseSeverity(s)] }

// fixState is grype's, with a name for none.
func fixState(s vulnerability.FixState) string {
	if s == "" {
		return string(vulnerability.FixStateUnknown)
	}
	return string(s)
}

// order sorts by severity, highest first, then by names, so that equal input
// gives equal reports.
func order(vs []report.Vulnerability) {
	slices.SortStableFunc(vs, func(a, b report.Vulnerability) int {
		return cmp.Or(
			slices.Index(severities, b.Severity)-slices.Index(severities, a.Severity),
			strings.Compare(a.ID, b.ID),
			strings.Compare(a.Package.Name, b.Package.Name),
			strings.Compare(a.Package.Version, b.Package.Version),
			strings.Compare(a.Package.Type, b.Package.Type),
			strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Package.ID, b.Package.ID),
		)
	})
}
