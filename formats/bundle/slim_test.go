package bundle_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

var overlap = bundle.Selection{Relationship: func(r bundle.Relationship) bool { return r.Type == "ownership-by-file-overlap" }}

func TestCopyPackages(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"files and relationships go": {
			`{"artifacts": [{"id":"1","name":"a"} , {"id":"2"}],
			  "artifactRelationships": [{"parent":"1","child":"f","type":"contains"},{"parent":"1","child":"2","type":"ownership-by-file-overlap"},{"parent":"f","child":"1","type":"evident-by"}],
			  "files": [{"id":"f"}], "distro": {"id":"debian"}, "schema": {"version":"16"}, "a\"b": [1, {"files":[1]}]}`,
			`{"artifacts":[{"id":"1","name":"a"},{"id":"2"}],"artifactRelationships":[{"parent":"1","child":"2","type":"ownership-by-file-overlap"}],` +
				`"files":[],"distro":{"id":"debian"},"schema":{"version":"16"},"a\"b":[1, {"files":[1]}]}`,
		},
		"lists that are null": {`{"files":null,"artifacts":null,"artifactRelationships":null}`, `{"files":[],"artifacts":[],"artifactRelationships":[]}`},
		"nothing":             {`{}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := bundle.CopyPackages(&out, iotest.OneByteReader(strings.NewReader(test.document)), overlap); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCopyPackagesRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"nothing": "", "a list": "[]", "cut off": `{"artifacts":[{}`, "packages that are no list": `{"artifacts":{}}`,
		"a name twice": `{"files":[],"files":[]}`, "relationships of another shape": `{"artifactRelationships":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := bundle.CopyPackages(io.Discard, strings.NewReader(document), overlap); err == nil {
				t.Error("no error")
			}
		})
	}
	large := io.MultiReader(strings.NewReader(`{"artifacts":["`), io.LimitReader(endless{}, 65<<20), strings.NewReader(`"]}`))
	if err := bundle.CopyPackages(io.Discard, large, overlap); fault.Of(err) != fault.TooLarge {
		t.Errorf("a large element: %v", err)
	}
	broken := errors.New("broken")
	if err := bundle.CopyPackages(io.Discard, iotest.ErrReader(broken), overlap); !errors.Is(err, broken) {
		t.Errorf("an error of the reader: %v", err)
	}
}
