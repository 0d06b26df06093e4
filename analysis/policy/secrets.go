package policy

import (
	"fmt"
	"strings"
)

var secretScansGate = Gate{
	Name:        "secret_scans",
	Description: "Secrets that the analysis found in files of any layer. A finding says where; what was found is never kept.",
	Triggers: []Trigger{{
		Name:        "content_regex_checks",
		Description: "Fires for each file and rule with a match or, where match_type is notfound, once if there is none.",
		Parameters: []Parameter{
			{Name: "content_regex_name", Description: "Only matches of the rule of this name. The names AWS_ACCESS_KEY, AWS_SECRET_KEY, PRIV_KEY, DOCKER_AUTH and API_KEY are understood; case, \"_\" and \"-\" make no difference.", Example: "AWS_ACCESS_KEY"},
			{Name: "filename_regex", Kind: Pattern, Description: "Only matches in files whose path matches from its start.", Example: "/etc/.*"},
			{Name: "match_type", Kind: Choice, Choices: []string{"found", "notfound"}, Default: "found", Description: "Whether to fire on matches or on their absence.", Example: "found"},
		},
		build: ask(secretScan),
	}},
}

// secretNames are the names of the rules that other analysers give to what
// ours find, as ruleName writes them.
var secretNames = map[string]string{
	"priv-key":    "pem-private-key",
	"docker-auth": "docker-config-auth",
	"api-key":     "generic-api-key",
}

// ruleName is a search rule's name in the spelling that all names are compared in.
func ruleName(s string) string {
	s = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), "_", "-")
	if known, ok := secretNames[s]; ok {
		return known
	}
	return s
}

func secretScan(v values, s *scene, out *outcome) {
	absent := s.absent(Secrets, out)
	var found []match
	for _, m := range s.Evidence.secrets {
		if v.has("content_regex_name") && ruleName(m.name) != ruleName(v.text("content_regex_name")) {
			continue
		}
		if !v.pattern("filename_regex").match(m.path) {
			continue
		}
		found = append(found, m)
	}
	if v.text("match_type") == "notfound" {
		if len(found) == 0 && !absent {
			out.firef("Secret content search analyzer did not find regexp match in container: filename_regex=%s content_regex_name=%s",
				orElse(v.pattern("filename_regex").text, "*"), orElse(v.text("content_regex_name"), "all"))
		}
		return
	}
	for places := range byFileAndName(found) {
		m := places[0]
		out.fireDetail(fmt.Sprintf("Secret content search analyzer found regexp match in container: file=%s regexp=%s", m.path, m.name), describe(places))
	}
}

// byFileAndName groups matches, which are sorted, by path and name.
func byFileAndName(matches []match) func(yield func([]match) bool) {
	return func(yield func([]match) bool) {
		for len(matches) > 0 {
			n := 1
			for n < len(matches) && matches[n].path == matches[0].path && matches[n].name == matches[0].name {
				n++
			}
			if !yield(matches[:n]) {
				return
			}
			matches = matches[n:]
		}
	}
}

// describe lists places by line and layer, the first few of them.
func describe(places []match) string {
	const most = 10
	var b strings.Builder
	for i, m := range places[:min(len(places), most)] {
		sep := "; "
		if i == 0 {
			sep = " at "
		}
		fmt.Fprintf(&b, "%sline %d", sep, m.line)
		if m.layer != "" {
			fmt.Fprintf(&b, " of layer %s", m.layer)
		}
	}
	if len(places) > most {
		fmt.Fprintf(&b, "; and %d more", len(places)-most)
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
