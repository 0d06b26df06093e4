package secrets

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Example is a text in which a rule must or must not find a secret. In a rule
// file it is a text, a list of parts, or both with a path. The parts are
// joined, and <hex:40>, <alnum:36> and their like replaced by random text,
// only when the tests run: no scanner takes this repository for leaking.
type Example struct {
	Path  string   `yaml:"path"` // of the file; "" is DefaultExamplePath
	Parts []string `yaml:"parts"`
}

// DefaultExamplePath is where an example stands that says nothing else.
const DefaultExamplePath = "/app/settings.conf"

// Text is the example's text, its parts joined.
func (e Example) Text() string { return strings.Join(e.Parts, "") }

// UnmarshalYAML reads any of the three forms.
func (e *Example) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		e.Parts = []string{node.Value}
		return nil
	case yaml.SequenceNode:
		return node.Decode(&e.Parts)
	}
	type fields Example // without this method
	return node.Decode((*fields)(e))
}
