package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// secrets are the names of what clients send and nobody else is to read.
var secrets = []string{"password", "value", "credentials", "registry_pass", "token", "refresh_token", "key", "api_key", "keys"}

// What is wrong with a secret is said without it, wherever a body or a query has one.
func TestSecretsAreNotSaidInErrors(t *testing.T) {
	const marked = "s3crt"
	wrong := []any{marked, []any{marked}, map[string]any{"x": marked}, []any{map[string]any{"value": marked, "password": marked}}}
	for version, load := range map[string]func() (*openapi.Document, error){"v1": openapi.Older, "v2": openapi.Load} {
		d, err := load()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(d.JSON())
		if err != nil {
			t.Fatal(err)
		}
		asked, refused := 0, 0
		ask := func(o *openapi.Operation, query url.Values, header http.Header, body []byte) {
			asked++
			err := o.Request(func(string) string { return "x" }, query, header, body)
			if err != nil {
				refused++
			}
			if text := toText(t, err); strings.Contains(text, marked) {
				t.Errorf("%s: %s: %s %s", version, o.ID, body, text)
			}
		}
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				o := d.Operation(op.OperationID[strings.LastIndexByte(op.OperationID, '.')+1:])
				for _, p := range op.Parameters {
					if slices.Contains(secrets, p.Value.Name) {
						ask(o, url.Values{p.Value.Name: {marked}}, http.Header{http.CanonicalHeaderKey(p.Value.Name): {marked}}, []byte("{}"))
					}
				}
				if op.RequestBody == nil || op.RequestBody.Value.Content.Get("application/json") == nil {
					continue
				}
				for _, way := range ways(op.RequestBody.Value.Content.Get("application/json").Schema.Value, 0) {
					for _, value := range wrong {
						body, err := json.Marshal(way(value))
						if err != nil {
							t.Fatal(err)
						}
						ask(o, nil, nil, body)
					}
				}
			}
		}
		if asked < 20 || refused < 10 {
			t.Errorf("%s: %d requests with a secret, of which %d are refused", version, asked, refused)
		}
	}
}

// ways are how a secret gets to each place in a body that has the name of one.
func ways(s *openapi3.Schema, depth int) (found []func(any) any) {
	if s == nil || depth > 6 {
		return nil
	}
	for name, p := range s.Properties {
		in := func(v any) any { return map[string]any{name: v} }
		if slices.Contains(secrets, name) {
			found = append(found, in)
		}
		for _, way := range ways(p.Value, depth+1) {
			found = append(found, func(v any) any { return in(way(v)) })
		}
	}
	if s.Items != nil {
		for _, way := range ways(s.Items.Value, depth+1) {
			found = append(found, func(v any) any { return []any{way(v)} })
		}
	}
	for _, parts := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, part := range parts {
			found = append(found, ways(part.Value, depth+1)...)
		}
	}
	return found
}

// toText is all that an error tells a client.
func toText(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	data, failed := json.Marshal(err)
	if failed != nil {
		t.Fatal(failed)
	}
	return err.Error() + string(data)
}
