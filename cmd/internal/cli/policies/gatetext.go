package policies

import (
	"io"
	"strings"

	"github.com/tidepole/tidepole/formats/table"
)

// gateText writes the gates for people: below each its triggers, and below
// those their parameters.
func gateText(w io.Writer, width int, gates []gate) error {
	for n, g := range gates {
		var b strings.Builder
		if n > 0 {
			b.WriteByte('\n')
		}
		entry(&b, width, "", g.Name, g.Description)
		for _, t := range g.Triggers {
			entry(&b, width, "  ", t.Name, t.Description)
			for _, p := range t.Parameters {
				entry(&b, width, "    ", p.label(), p.about())
			}
		}
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// entry is a name and what it stands for, the latter indented where it goes on.
func entry(b *strings.Builder, width int, indent, name, about string) {
	text := table.Clean(name)
	if about != "" {
		text += ": " + table.Clean(about)
	}
	if width > 0 {
		width = max(width-len(indent), 1)
	}
	for _, line := range table.Wrap(text, width, "    ") {
		b.WriteString(indent + line + "\n")
	}
}

// label is a parameter's name, marked where rules must give it.
func (p parameter) label() string {
	if p.Required {
		return p.Name + "*"
	}
	return p.Name
}

// about says what a parameter may be.
func (p parameter) about() string {
	text := p.Description
	if len(p.Choices) > 0 {
		text += " [" + strings.Join(p.Choices, ", ") + "]"
	}
	if p.Default != "" {
		text += " (default " + p.Default + ")"
	}
	return text
}
