package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

var denylistedVulnerability = Trigger{
	Name:        "denylist",
	Aliases:     []string{"blacklist"},
	Description: "Fires for each of the vulnerabilities that the image has, under its own id or that of a related record.",
	Parameters: []Parameter{
		{Name: "vulnerability_ids", Kind: List, Required: true, Description: "The vulnerabilities.", Example: "CVE-2019-1234"},
		vendorOnly,
	},
	build: ask(func(v values, s *scene, out *outcome) {
		if s.unmatched(out) {
			return
		}
		s.unlisted(out)
		found := map[string][]string{} // what can be done about each; never nil
		for _, m := range s.Matches.Vulnerabilities {
			if v.boolean(vendorOnly.Name) && m.FixState == "wont-fix" {
				continue
			}
			f := s.finding(m)
			for _, id := range f.ids() {
				id = strings.ToUpper(id)
				found[id] = append(f.remedies(), found[id]...)
			}
		}
		for _, id := range v.list("vulnerability_ids") {
			if remedies, ok := found[strings.ToUpper(id)]; ok {
				out.fireMessage(fmt.Sprintf("Denylisted vulnerabilities detected: %s", id), remedies)
			}
		}
	}),
}

var exploitedVulnerability = Trigger{
	Name:        "kev_list",
	Description: "Fires for each vulnerability of each package that is known to be exploited (CISA's KEV). Its trigger id is made as package makes it.",
	build: ask(func(_ values, s *scene, out *outcome) {
		if s.unmatched(out) {
			return
		}
		s.unlisted(out)
		for _, m := range s.Matches.Vulnerabilities {
			if f := s.finding(m); m.Exploited {
				out.fireRemedied(f.triggerID(), f.message("(known to be exploited)"), f.remedies())
			}
		}
	}),
}

var staleData = Trigger{
	Name:        "stale_feed_data",
	Description: "Fires if the vulnerability database was built more than so many days ago, or if there is none.",
	Parameters: []Parameter{
		{Name: "max_days_since_sync", Kind: Integer, Required: true, Description: "The days.", Example: "10"},
	},
	build: ask(func(v values, s *scene, out *outcome) {
		days, db := v.integer("max_days_since_sync"), s.Matches.Database
		if !db.Present || db.Built.IsZero() || s.daysSince(db.Built) > float64(days) {
			out.firef("The vulnerability feed for this image distro is older than MAXAGE (%d) days", days)
		}
	}),
}

var dataUnavailable = Trigger{
	Name:        "vulnerability_data_unavailable",
	Description: "Fires if the vulnerabilities of the operating system's packages cannot be known: there is no vulnerability database, it has no records of the image's distribution or of this release of it, or it is not known which distribution the packages are of.",
	build: ask(func(_ values, s *scene, out *outcome) {
		if facts := s.Evidence.Facts; !s.Matches.Database.Present || s.unknownDistro() {
			namespace := orElse(facts.Distro, "unknown") + ":" + orElse(facts.DistroVersion, "unknown")
			out.firef("Distro-specific feed data not found for distro namespace: %s. Cannot perform CVE scan OS/distro packages", namespace)
		}
	}),
}

// unknownDistro tells whether there are packages of an operating system of which the
// vulnerabilities cannot be known.
func (s *scene) unknownDistro() bool {
	facts := s.Evidence.Facts
	return (s.Matches.DistroUnknown || facts.Distro == "") && hasSystemPackages(facts.Counts)
}

func hasSystemPackages(counts map[string]int) bool {
	return slices.ContainsFunc(sortedKeys(counts), func(kind string) bool {
		_, os := wire.PackageType(kind)
		return os && counts[kind] > 0
	})
}
