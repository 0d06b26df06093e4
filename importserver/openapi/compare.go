package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Unexplained lists how one description departs from another without saying why:
// what that one has not, or has otherwise. What ours leaves out on purpose, whole
// operations and further statuses, is not in it.
func Unexplained(ours, theirs *Document) []string {
	var found []string
	for _, o := range ours.operations {
		if o.Own {
			continue
		}
		their := theirs.byID[o.ID]
		if their == nil {
			found = append(found, o.ID+": they have no such operation")
			continue
		}
		if o.Difference == "" {
			found = append(found, o.unexplained(their)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours.doc.Components.Schemas)) {
		their := theirs.doc.Components.Schemas[name]
		if their == nil {
			continue // a name of our own for what they say in place
		}
		found = append(found, schemas(name, ours.doc.Components.Schemas[name].Value, their.Value, 0)...)
	}
	return found
}

func (o *Operation) unexplained(their *Operation) (found []string) {
	if o.Method != their.Method || strings.TrimPrefix(o.Path, "/v2") != strings.TrimPrefix(their.Path, "/v2") {
		found = append(found, fmt.Sprintf("%s: it is %s %s, not %s %s", o.ID, o.Method, o.Path, their.Method, their.Path))
	}
	theirs := map[string]*openapi3.Parameter{}
	for _, p := range their.op.Parameters {
		theirs[p.Value.In+" "+p.Value.Name] = p.Value
	}
	for _, p := range o.op.Parameters {
		key := p.Value.In + " " + p.Value.Name
		t := theirs[key]
		delete(theirs, key)
		switch {
		case t == nil && p.Value.In == "header":
		case t == nil && p.Value.Extensions["x-difference"] != nil:
		case t == nil:
			found = append(found, o.ID+": they have no parameter "+key)
		case p.Value.Required && !t.Required:
			found = append(found, o.ID+": it requires "+key+", and they do not")
		default:
			found = append(found, schemas(o.ID+" "+key, p.Value.Schema.Value, t.Schema.Value, 0)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if !strings.HasPrefix(key, "header ") {
			found = append(found, o.ID+": it lacks the parameter "+key)
		}
	}
	for code := range their.op.Responses.Map() {
		if strings.HasPrefix(code, "2") && o.op.Responses.Value(code) == nil {
			found = append(found, o.ID+": it lacks the answer "+code)
		}
	}
	return found
}

// schemas compares two schemas of one name, and what they contain in place.
func schemas(at string, a, b *openapi3.Schema, depth int) (found []string) {
	if a == nil || b == nil || depth > 6 {
		return nil
	}
	if _, ok := a.Extensions["x-difference"]; ok {
		return nil
	}
	if a.Type != nil && b.Type != nil && !slices.Equal(a.Type.Slice(), b.Type.Slice()) {
		found = append(found, fmt.Sprintf("%s: it is of type %v, not %v", at, a.Type.Slice(), b.Type.Slice()))
	}
	if a.Nullable && !b.Nullable {
		found = append(found, at+": it may be null, and theirs may not")
	}
	for _, v := range a.Enum {
		if v != nil && len(b.Enum) > 0 && !slices.Contains(b.Enum, v) {
			found = append(found, fmt.Sprintf("%s: they have no value %v", at, v))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Properties)) {
		p := a.Properties[name]
		if p == nil {
			found = append(found, at+": it lacks the property "+name)
			continue
		}
		if p.Ref == "" {
			found = append(found, schemas(at+"."+name, p.Value, b.Properties[name].Value, depth+1)...)
		}
	}
	for _, name := range b.Required {
		if !slices.Contains(a.Required, name) {
			found = append(found, at+": it does not require "+name)
		}
	}
	if a.Items != nil && b.Items != nil && a.Items.Ref == "" {
		found = append(found, schemas(at+"[]", a.Items.Value, b.Items.Value, depth+1)...)
	}
	return found
}
