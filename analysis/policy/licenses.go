package policy

import "strings"

var licensesGate = Gate{
	Name:        "licenses",
	Description: "The licences that packages declare. A package with several is judged by each of them, whether \"AND\" or \"OR\" stands between.",
	Triggers: []Trigger{
		{
			Name:        "denylist_exact_match",
			Aliases:     []string{"blacklist_exact_match"},
			Description: "Fires for each package with one of the licences.",
			Parameters: []Parameter{
				{Name: "licenses", Kind: List, Required: true, Description: "The licences, written as the packages write them.", Example: "GPLv2+,GPL-3+,BSD-2-clause"},
			},
			build: ask(func(v values, s *scene, out *outcome) {
				denyLicenses(v, s, out, "LICFULLMATCH", func(license, denied string) bool { return license == denied })
			}),
		},
		{
			Name:        "denylist_partial_match",
			Aliases:     []string{"blacklist_partial_match"},
			Description: "Fires for each package with a licence that contains one of the texts.",
			Parameters: []Parameter{
				{Name: "licenses", Kind: List, Required: true, Description: "The texts.", Example: "LGPL,BSD"},
			},
			build: ask(func(v values, s *scene, out *outcome) { denyLicenses(v, s, out, "LICSUBMATCH", strings.Contains) }),
		},
	},
}

func denyLicenses(v values, s *scene, out *outcome, code string, matches func(license, denied string) bool) {
	s.absent(Packages, out)
	for _, p := range s.Evidence.packages {
		for _, license := range namesOfLicenses(p.licenses) {
			for _, denied := range v.list("licenses") {
				if matches(license, denied) {
					out.firef("%s Packages are installed that have denylisted licenses: %s(%s)", code, p.name, license)
				}
			}
		}
	}
}

// namesOfLicenses are the licences that declarations name: each whole, and each
// name of an expression such as "(MIT OR GPL-2.0-only) AND BSD-3-Clause".
func namesOfLicenses(declared []string) []string {
	var names []string
	for _, d := range declared {
		parts := strings.FieldsFunc(d, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '(' || r == ')' })
		if len(parts) != 1 || parts[0] != d {
			names = append(names, d)
		}
		for _, p := range parts {
			switch strings.ToUpper(p) {
			case "AND", "OR", "WITH":
			default:
				names = append(names, p)
			}
		}
	}
	return names
}
