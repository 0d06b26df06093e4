package openapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// TestDifferencesHaveReasons compares the description with the published one, where
// that is at hand: PUBLISHED_API names its file.
func TestDifferencesHaveReasons(t *testing.T) {
	name := os.Getenv("PUBLISHED_API")
	if name == "" {
		name = "../../../shared/contract/anchore-v2-openapi.yaml"
	}
	if _, err := os.Stat(name); err != nil {
		t.Skipf("SKIPPED: the published description is not at %s; name it in PUBLISHED_API", name)
	}
	theirs, err := openapi.Published(name)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range openapi.Unexplained(ours, theirs) {
		t.Error(d)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	read := func(text string) *openapi.Document {
		t.Helper()
		name := filepath.Join(t.TempDir(), "x.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openapi.Published(name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	const description = `openapi: 3.0.1
info: {title: x, version: "1"}
paths:
  /a/{id}:
    get:
      operationId: get_a
      parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: by, in: query, schema: {type: string, enum: [x, y]}}
      responses:
        200: {description: Done., content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}
components:
  schemas:
    A: {type: object, required: [name], properties: {name: {type: string}, list: {type: array, items: {type: object, properties: {n: {type: integer}}}}}}
`
	for change, want := range map[string]string{
		"":                                      "",
		"{n: {type: integer}}=>{}":              "A.list[]: it lacks the property n",
		"n: {type: integer}=>n: {type: string}": "A.list[].n: it is of type [string], not [integer]",
		"required: [name]=>required: []":        "A: it does not require name",
		"name: {type: string}=>name: {type: string, nullable: true}":                         "A.name: it may be null, and theirs may not",
		"name: {type: string}=>name: {type: string, nullable: true, x-difference: it is so}": "",
		"[x, y]=>[x, z]":     "get_a query by: they have no value z",
		"name: by=>name: of": "get_a: they have no parameter query of get_a: it lacks the parameter query by",
		"200:=>202:":         "get_a: it lacks the answer 200",
		"get_a=>get_b":       "get_b: they have no such operation",
		"/a/=>/b/":           "get_a: it is GET /b/{id}, not GET /a/{id}",
		"in: query, schema=>in: query, required: true, schema": "get_a: it requires query by, and they do not",
	} {
		from, to, _ := strings.Cut(change, "=>")
		got := openapi.Unexplained(read(strings.Replace(description, from, to, 1)), read(description))
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", change, got, want)
		}
	}
}
