package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	maxDepth  = 64  // of a request's JSON
	maxPlaces = 20  // that one answer names as wrong
	maxQuote  = 100 // bytes of the client's in an error
)

// Place is something wrong in a request.
type Place struct {
	In      string `json:"in"`   // path, query, header or body
	Name    string `json:"name"` // of the parameter; of the body, a JSON pointer
	Message string `json:"message"`
}

// Request checks a request by its description. path gives the value of a
// parameter of the path; body is empty where there is none. What the description
// does not know passes: unknown parameters, headers and properties; null where
// a property may be absent or where a list belongs; booleans and numbers of a query in any case. The
// error is a fault.Invalid that lists every place.
func (o *Operation) Request(path func(string) string, query url.Values, header http.Header, body []byte) error {
	var wrong []Place
	for _, ref := range o.op.Parameters {
		p := ref.Value
		var raw []string
		switch p.In {
		case "path":
			raw = []string{path(p.Name)}
		case "query":
			raw = query[p.Name]
		case "header":
			raw = header.Values(p.Name)
		}
		if message := parameter(p, raw); message != "" {
			wrong = append(wrong, Place{p.In, p.Name, message})
		}
	}
	if o.Body == JSON {
		more, err := o.body(body)
		if err != nil {
			return err
		}
		wrong = append(wrong, more...)
	}
	if len(wrong) == 0 {
		return nil
	}
	if len(wrong) > maxPlaces {
		wrong = wrong[:maxPlaces]
	}
	first := wrong[0]
	return fault.New(fault.Invalid, "the request's %s %s: %s", first.In, first.Name, first.Message).WithDetail("invalid", wrong)
}

// parameter says what is wrong with a parameter's values, or "".
func parameter(p *openapi3.Parameter, raw []string) string {
	if len(raw) == 0 || len(raw) == 1 && raw[0] == "" {
		if p.Required {
			return "is needed"
		}
		return ""
	}
	if p.Schema == nil || p.Schema.Value == nil {
		return ""
	}
	schema := p.Schema.Value
	var value any
	if schema.Type.Is("array") {
		if p.Explode != nil && !*p.Explode {
			raw = strings.Split(strings.Join(raw, ","), ",")
		}
		list := make([]any, len(raw))
		for i, r := range raw {
			list[i] = scalar(schema.Items.Value, r)
		}
		value = list
	} else {
		value = scalar(schema, raw[0])
	}
	if found := places(schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.MultiErrors()), p.Name); len(found) > 0 {
		return found[0].Message
	}
	return ""
}

// scalar reads a parameter as its schema would have it; where it cannot be read
// so it stays a string, which the schema then refuses.
func scalar(schema *openapi3.Schema, raw string) any {
	switch {
	case schema.Type.Is("boolean"):
		if b, err := strconv.ParseBool(strings.ToLower(raw)); err == nil {
			return b
		}
	case schema.Type.Is("integer"), schema.Type.Is("number"):
		if n, err := strconv.ParseFloat(raw, 64); err == nil {
			return n
		}
	}
	return raw
}

// body lists what is wrong in a JSON body; the error is of what is no JSON at all.
func (o *Operation) body(data []byte) ([]Place, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		if o.op.RequestBody != nil && o.op.RequestBody.Value.Required {
			return []Place{{"body", "/", "is needed"}}, nil
		}
		return nil, nil
	}
	value, err := Strict(data)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the request's body is not the JSON it should be: %s", err).
			WithDetail("invalid", []Place{{"body", "/", clip(err.Error())}})
	}
	if o.op.RequestBody == nil {
		return nil, nil
	}
	media := o.op.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil, nil
	}
	schema := media.Schema.Value
	err = schema.VisitJSON(absent(value, schema, 0), openapi3.VisitAsRequest(), openapi3.MultiErrors())
	return places(err, ""), nil
}

// absent takes away what a client need not have said: properties that are null
// and not required, and those that the schema does not know.
func absent(value any, schema *openapi3.Schema, depth int) any {
	if schema == nil || depth > maxDepth {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		known := map[string]*openapi3.Schema{}
		closed := collect(schema, known, 0)
		for name, x := range v {
			s, ok := known[name]
			switch {
			case x == nil && ok && !s.Nullable && s.Type.Is("array"):
				v[name] = []any{} // as some languages write an empty list
			case x == nil && ok && !s.Nullable && !slices.Contains(schema.Required, name):
				delete(v, name)
			case !ok && closed:
				delete(v, name)
			case ok:
				v[name] = absent(x, s, depth+1)
			case schema.AdditionalProperties.Schema != nil:
				v[name] = absent(x, schema.AdditionalProperties.Schema.Value, depth+1)
			}
		}
	case []any:
		if schema.Items != nil {
			for i := range v {
				v[i] = absent(v[i], schema.Items.Value, depth+1)
			}
		}
	}
	return value
}

// collect gathers the properties that a schema and its parts know, and tells
// whether one of them knows no others.
func collect(schema *openapi3.Schema, into map[string]*openapi3.Schema, depth int) (closed bool) {
	if schema == nil || depth > 8 {
		return false
	}
	for name, ref := range schema.Properties {
		into[name] = ref.Value
	}
	closed = schema.AdditionalProperties.Has != nil && !*schema.AdditionalProperties.Has
	for _, refs := range []openapi3.SchemaRefs{schema.AllOf, schema.AnyOf, schema.OneOf} {
		for _, ref := range refs {
			if collect(ref.Value, into, depth+1) {
				closed = true
			}
		}
	}
	return closed
}

// Response checks an answer by its description, for tests.
func (o *Operation) Response(code int, header http.Header, body []byte) error {
	ref := o.op.Responses.Status(code)
	if ref == nil {
		ref = o.op.Responses.Default()
	}
	if ref == nil {
		return fmt.Errorf("%s: the description lists no status %d", o.ID, code)
	}
	if len(ref.Value.Content) == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%s %d: content type %q: %w", o.ID, code, header.Get("Content-Type"), err)
	}
	media := ref.Value.Content.Get(kind)
	if media == nil {
		return fmt.Errorf("%s %d: the description lists no content of type %s", o.ID, code, kind)
	}
	if media.Schema == nil || !strings.HasSuffix(kind, "json") {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("%s %d: %w", o.ID, code, err)
	}
	err = media.Schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors())
	var all []string
	for _, p := range places(err, "") {
		all = append(all, p.Name+": "+p.Message)
	}
	if len(all) > 0 {
		return fmt.Errorf("%s %d: %s", o.ID, code, strings.Join(all, "; "))
	}
	return nil
}

// places are the errors of a schema, one by one: of the parameter of a name, or of the
// body.
func places(err error, name string) []Place {
	if err == nil {
		return nil
	}
	var many openapi3.MultiError
	if errors.As(err, &many) {
		var all []Place
		for _, e := range many {
			if all = append(all, places(e, name)...); len(all) > maxPlaces {
				break
			}
		}
		return all
	}
	var pointer []string
	var s *openapi3.SchemaError
	if errors.As(err, &s) {
		pointer = s.JSONPointer()
	}
	secret := slices.ContainsFunc(append(pointer, name), isSecret)
	return []Place{{"body", clip("/" + strings.Join(pointer, "/")), reason(err, secret)}}
}

// secrets are parts of the names of what may hold a secret.
var secrets = []string{"pass", "secret", "token", "credential", "key", "value"}

// isSecret tells whether what has a name may be a secret, or have one in it.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secrets, func(part string) bool { return strings.Contains(name, part) })
}

// reason is a schema's error without the schema; of the value only a text that is
// not one of those allowed is quoted, and a secret never.
func reason(err error, secret bool) string {
	var s *openapi3.SchemaError
	if !errors.As(err, &s) {
		if secret {
			return "is not what it should be"
		}
		return clip(err.Error())
	}
	text, ok := s.Value.(string)
	said := fmt.Sprintf("%.*q", maxQuote, text)
	if secret {
		said = "what is given"
	}
	switch {
	case ok && s.SchemaField == "enum":
		return said + " is none of " + allowed(s.Schema.Enum)
	case ok && s.SchemaField == "pattern":
		return said + " does not match " + s.Schema.Pattern
	case secret && s.SchemaField == "format":
		return said + " is no " + s.Schema.Format
	}
	return clip(s.Reason)
}

// allowed are the values of an enumeration.
func allowed(values []any) string {
	var all []string
	for _, v := range values {
		if v != nil {
			all = append(all, fmt.Sprint(v))
		}
	}
	return strings.Join(all, ", ")
}

func clip(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "…"
}

// Strict reads JSON that says each thing once: no key twice in an object, no depth
// beyond maxDepth, no invalid UTF-8, nothing after its end.
func Strict(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	if tooMany(data) {
		return nil, fmt.Errorf("it has more than %d values", maxValues)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	v, err := next(dec, 0)
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("it ends too early")
		}
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is something after its end")
	}
	return v, nil
}

// maxValues is how many values a body may have: each takes a hundred times the
// memory that it took on its way.
const maxValues = 500_000

// tooMany counts what separates values, before any is made.
func tooMany(data []byte) bool {
	n, text := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case !text && (c == ',' || c == '[' || c == '{'):
			if n++; n > maxValues {
				return true
			}
		}
	}
	return false
}

func next(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth++; depth > maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	if open == '[' {
		list := []any{}
		for dec.More() {
			v, err := next(dec, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	}
	object := map[string]any{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder takes nothing else here
		if _, ok := object[key]; ok {
			return nil, fmt.Errorf("the key %q is there twice", clip(key))
		}
		if object[key], err = next(dec, depth); err != nil {
			return nil, err
		}
	}
	_, err = dec.Token()
	return object, err
}
