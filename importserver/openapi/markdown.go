package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Reference is a table of all operations, in Markdown.
func (d *Document) Reference() string {
	var b strings.Builder
	areas := map[string][]*Operation{}
	for _, o := range d.operations {
		areas[o.Area] = append(areas[o.Area], o)
	}
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		fmt.Fprintf(&b, "### %s\n\n| operation | what it does | answers | who may |\n|---|---|---|---|\n", area)
		for _, o := range areas[area] {
			fmt.Fprintf(&b, "| `%s %s%s` | %s | %s | %s |\n", o.Method, o.Path, o.queries(), o.op.Summary, strings.Join(o.Codes(), " "), o.who())
		}
		b.WriteString("\n")
	}
	return b.String()
}

// who may do it.
func (o *Operation) who() string {
	if o.Password {
		return o.Permission + ", by password"
	}
	return o.Permission
}

// queries are the names of an operation's query.
func (o *Operation) queries() string {
	var names []string
	for _, p := range o.op.Parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "?" + strings.Join(names, "&")
}

// Differences are what departs from the published description, and why, as a list
// in Markdown: of operations, and of schemas.
func (d *Document) Differences() string {
	var b strings.Builder
	for _, o := range d.operations {
		switch {
		case o.Own && o.Difference != "":
			fmt.Fprintf(&b, "- `%s %s`: it is tidepole's own; %s\n", o.Method, o.Path, sentence(o.Difference))
		case o.Own:
			fmt.Fprintf(&b, "- `%s %s`: it is tidepole's own.\n", o.Method, o.Path)
		case o.Difference != "":
			fmt.Fprintf(&b, "- `%s %s`: %s\n", o.Method, o.Path, sentence(o.Difference))
		}
		for _, p := range o.op.Parameters {
			if why, ok := p.Value.Extensions["x-difference"].(string); ok {
				fmt.Fprintf(&b, "- `%s %s`, parameter %s: %s\n", o.Method, o.Path, p.Value.Name, sentence(why))
			}
		}
		for _, code := range o.Codes() {
			for kind, media := range o.op.Responses.Value(code).Value.Content {
				for place, why := range reasons(media.Schema, kind) {
					fmt.Fprintf(&b, "- `%s %s`, answer %s: %s\n", o.Method, o.Path, strings.TrimPrefix(place, kind), sentence(why))
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.doc.Components.Schemas)) {
		found := reasons(&openapi3.SchemaRef{Value: d.doc.Components.Schemas[name].Value}, name)
		for _, place := range slices.Sorted(maps.Keys(found)) {
			fmt.Fprintf(&b, "- `%s`: %s\n", place, sentence(found[place]))
		}
	}
	return b.String()
}

// reasons are the x-differences of a schema and of what it contains, by place;
// schemas with a name of their own are left to that.
func reasons(ref *openapi3.SchemaRef, place string) map[string]string {
	all := map[string]string{}
	if ref == nil || ref.Ref != "" || ref.Value == nil {
		return all
	}
	s := ref.Value
	if why, ok := s.Extensions["x-difference"].(string); ok {
		all[place] = why
	}
	for name, p := range s.Properties {
		maps.Copy(all, reasons(p, place+"."+name))
	}
	maps.Copy(all, reasons(s.Items, place+"[]"))
	for _, list := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, p := range list {
			maps.Copy(all, reasons(p, place))
		}
	}
	return all
}

// sentence is a reason with its end.
func sentence(why string) string {
	why = strings.Join(strings.Fields(why), " ")
	return strings.TrimSuffix(why, ".") + "."
}
