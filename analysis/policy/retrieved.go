package policy

import (
	"bytes"
)

var retrievedFilesGate = Gate{
	Name:        "retrieved_files",
	Description: "Files that the analysis kept whole.",
	files:       true,
	Triggers: []Trigger{
		{
			Name:        "content_not_available",
			Description: "Fires if the file was not retrieved.",
			Parameters: []Parameter{
				{Name: "path", Required: true, Description: "The file's path, exactly.", Example: "/etc/httpd.conf"},
			},
			build: ask(func(v values, s *scene, out *outcome) {
				if _, ok := s.Evidence.retrieved[v.text("path")]; !ok {
					out.firef("Cannot locate file in the image analysis: %s", v.text("path"))
				}
			}),
		},
		{
			Name:        "content_regex",
			Description: "Fires once if a line of the file matches or, where check is no_match, if none does. Its trigger id is the rule's id, \"+file://\" and the path.",
			Parameters: []Parameter{
				{Name: "path", Required: true, Description: "The file's path, exactly.", Example: "/etc/httpd.conf"},
				{Name: "regex", Kind: Pattern, Required: true, Description: "Matched against each line, from its start.", Example: ".*SSLEnabled.*"},
				{Name: "check", Kind: Choice, Choices: []string{"match", "no_match"}, Required: true, Description: "What fires.", Example: "match"},
			},
			build: ask(contentRegex),
		},
	},
}

func contentRegex(v values, s *scene, out *outcome) {
	path, regex, check := v.text("path"), v.pattern("regex"), v.text("check")
	data, ok := s.retrieved(path, out)
	if !ok {
		return
	}
	found := false
	for line := range bytes.Lines(data) {
		if found = regex.match(string(bytes.TrimRight(line, "\r\n"))); found {
			break
		}
	}
	if found == (check == "match") {
		out.fireAs(out.rule+"+file://"+path, "Content regex '"+regex.text+"' check '"+check+"' found in retrieved file '"+path+"'")
	}
}

// retrieved is the content of a file. Where there is none, the outcome is told
// so, unless the image is known not to have the file.
func (s *scene) retrieved(path string, out *outcome) ([]byte, bool) {
	data, ok := s.Evidence.retrieved[path]
	if ok {
		return data, true
	}
	if _, unknown := s.Evidence.Absent(Files); !unknown {
		if _, exists := s.Evidence.resolve(path); !exists {
			return nil, false
		}
	}
	if !s.absent(Retrieved, out) {
		out.missf("%s was not retrieved by the analysis", quote(path))
	}
	return nil, false
}
