package policy

import (
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
		found := map[string]bool{}
		for _, m := range s.Matches.Vulnerabilities {
			if v.boolean(vendorOnly.Name) && m.FixState == "wont-fix" {
				continue
			}
			for _, id := range s.finding(m).ids() {
				found[strings.ToUpper(id)] = true
			}
		}
		for _, id := range v.list("vulnerability_ids") {
			if found[strings.ToUpper(id)] {
				out.firef("Denylisted vulnerabilities detected: %s", id)
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
		for _, m := range s.Matches.Vulnerabilities {
			if f := s.finding(m); m.Exploited {
				out.fireAs(f.triggerID(), f.message("(known to be exploited)"))
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
	Description: "Fires if the vulnerabilities of the operating system's packages cannot be known: there is no vulnerability database, or it is not known which distribution the packages are of.",
	build: ask(func(_ values, s *scene, out *outcome) {
		facts := s.Evidence.Facts
		namespace := orElse(facts.Distro, "unknown") + ":" + orElse(facts.DistroVersion, "unknown")
		unknown := s.Matches.DistroUnknown || facts.Distro == ""
		if !s.Matches.Database.Present || (unknown && hasSystemPackages(facts.Counts)) {
			out.firef("Distro-specific feed data not found for distro namespace: %s. Cannot perform CVE scan OS/distro packages", namespace)
		}
	}),
}

func hasSystemPackages(counts map[string]int) bool {
	return slices.ContainsFunc(sortedKeys(counts), func(kind string) bool {
		_, os := wire.PackageType(kind)
		return os && counts[kind] > 0
	})
}
