package bundle_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/bundle"
)

// Documents are read as encoding/json reads them, which grype and syft use: what one
// of them sees in a package, the other sees, too.
func TestDocumentIsReadAsOthersReadIt(t *testing.T) {
	for name, text := range map[string]string{
		"names in capitals":      `{"NAME":"a","Version":"1"}`,
		"a name twice":           `{"name":"a","name":"b"}`,
		"a name twice, and null": `{"name":"a","name":null}`,
		"lists twice":            `{"locations":[{"path":"/a","layerID":"l"}],"locations":[{"path":"/b"}]}`,
		"no UTF-8":               "{\"name\":\"a\xffb\"}",
		"half a surrogate":       `{"name":"\ud800"}`,
		"escapes":                `{"na\u006de":"a\/b\u0000"}`,
		"null for all":           `{"name":null,"locations":null,"licenses":null,"cpes":null,"metadata":null}`,
		"metadata as it stands":  `{"metadata": {"b" : 1, "a":[ ] } }`,
		"old licences and CPEs":  `{"licenses":["MIT",{"value":"x"}],"cpes":["cpe:2.3:a:b",{"cpe":"c","source":"s"}]}`,
		"unknown names":          `{"name":"a","other":{"deep":[1,2,{"x":null}]}}`,
		"a text for a list":      `{"locations":"x"}`,
		"a number for a text":    `{"name":1}`,
		"no object":              `1`,
	} {
		t.Run(name, func(t *testing.T) {
			var want bundle.Package
			wrong := json.Unmarshal([]byte(text), &want)
			var got []bundle.Package
			_, err := bundle.ReadDocument(strings.NewReader(`{"artifacts":[`+text+`]}`), bundle.Visitor{
				Package: func(p bundle.Package) error { got = append(got, p); return nil },
			})
			if (err == nil) != (wrong == nil) {
				t.Fatalf("got %v, encoding/json has %v", err, wrong)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff([]bundle.Package{want}, got); diff != "" {
				t.Errorf("(-encoding/json +ours):\n%s", diff)
			}
		})
	}
}

// Packages can be left out, and the rest is told of.
func TestCopyPackagesSelects(t *testing.T) {
	document := `{"artifacts":[{"id":"1"},{"id":"2"},{"id":"3"}],"artifactRelationships":[{"parent":"1","child":"2","type":"x"}],"files":[{}],"distro":{"id":"d"},"n":1}`
	rest := map[string]string{}
	var out strings.Builder
	err := bundle.CopyPackages(&out, strings.NewReader(document), bundle.Selection{
		Package: func(raw []byte) (bool, error) { return string(raw) != `{"id":"2"}`, nil },
		Rest:    func(name string, raw []byte) { rest[name] = string(raw) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"artifacts":[{"id":"1"},{"id":"3"}],"artifactRelationships":[],"files":[],"distro":{"id":"d"},"n":1}`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"distro": `{"id":"d"}`, "n": "1"}, rest); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
}
