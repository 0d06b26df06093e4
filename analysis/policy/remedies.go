package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/report"
)

// remedies are what can be done about what a trigger fires for, by gate and trigger,
// where that is always the same.
var remedies = map[string]string{
	"always/always":                                  "Take the rule out of the policy.",
	"dockerfile/instruction":                         "Change the instruction in the Dockerfile, and build the image again.",
	"dockerfile/effective_user":                      "Set another user with USER in the Dockerfile, and build the image again.",
	"dockerfile/exposed_ports":                       "Expose other ports with EXPOSE in the Dockerfile, and build the image again.",
	"dockerfile/no_dockerfile_provided":              "Add the image with its Dockerfile.",
	"files/content_regex_match":                      "Remove the file, or what was found in it, from the image.",
	"files/name_match":                               "Remove the file from the image.",
	"files/suid_or_guid_set":                         "Take the setuid and setgid bits from the file.",
	"files/attribute_match":                          "Give the file the mode and the content that it should have.",
	"licenses/denylist_exact_match":                  "Remove the package, or take one of another licence.",
	"licenses/denylist_partial_match":                "Remove the package, or take one of another licence.",
	"malware/scans":                                  "Remove the file, and build the image again from sources that can be trusted.",
	"malware/scan_not_run":                           "Analyse the image where files are searched for malware.",
	"metadata/attribute":                             "Build the image so that the attribute is as the policy has it.",
	"npms/denylisted_name_version":                   "Remove the package, or take another version of it.",
	"ruby_gems/denylist":                             "Remove the package, or take another version of it.",
	"packages/required_package":                      "Install the package in the version that the policy asks for.",
	"packages/verify":                                "Install the package again, or find out who changed its files.",
	"packages/denylist":                              "Remove the package, or take another version of it.",
	"passwd_file/content_not_available":              "Analyse the image with /etc/passwd among the files that are retrieved.",
	"retrieved_files/content_not_available":          "Analyse the image with the file among those that are retrieved.",
	"retrieved_files/content_regex":                  "Change the content of the file.",
	"secret_scans/content_regex_checks":              "Remove the secret from all layers of the image, and make it invalid.",
	"vulnerabilities/stale_feed_data":                "Bring in a newer vulnerability database.",
	"vulnerabilities/vulnerability_data_unavailable": "Bring in a vulnerability database that knows the image's distribution.",
}

// remedyOf is what can always be done about what a trigger fires for.
func remedyOf(gate, trigger string) string {
	if gate == passwdGate.Name && strings.HasPrefix(trigger, "denylist_") {
		return "Remove the entry from /etc/passwd."
	}
	return remedies[gate+"/"+trigger]
}

// remedies are what can be done about a vulnerability: one for each version that
// fixes it, the lowest first; none, and not nil, where no fix is known.
func (f vulnerability) remedies() []string {
	all := []string{}
	for _, fixed := range f.match.FixVersions {
		all = append(all, fmt.Sprintf("Update %s from %s to %s.", f.match.Package.Name, orElse(f.match.Package.Version, "its version"), fixed))
	}
	return all
}

// cures gather what can be done, and about which findings.
type cures struct {
	list []report.Remediation
	at   map[string]int     // by what can be done
	has  map[[2]string]bool // by what can be done, and trigger id
}

func (c *cures) add(gate, trigger string, f firing) {
	if f.remedies == nil {
		f.remedies = []string{remedyOf(gate, trigger)}
	}
	what := strings.Join(f.remedies, "\n")
	if what == "" || c.has[[2]string{what, f.id}] {
		return
	}
	if c.at == nil {
		c.at, c.has = map[string]int{}, map[[2]string]bool{}
	}
	n, ok := c.at[what]
	if !ok {
		n = len(c.list)
		c.at[what] = n
		var r report.Remediation
		for _, message := range f.remedies {
			if !slices.ContainsFunc(r.Suggestions, func(s report.Suggestion) bool { return s.Message == message }) {
				r.Suggestions = append(r.Suggestions, report.Suggestion{Message: message, Preferred: len(r.Suggestions) == 0})
			}
		}
		c.list = append(c.list, r)
	}
	c.has[[2]string{what, f.id}] = true
	c.list[n].TriggerIDs = append(c.list[n].TriggerIDs, f.id)
}
