package bundle_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

func TestReleaseOfADistribution(t *testing.T) {
	type release struct {
		id, version string
		like        []string
	}
	for document, want := range map[string]release{
		`{"id":"debian","versionID":"12","idLike":"linux"}`:               {"debian", "12", []string{"linux"}},
		`{"id":"redhat","versionID":"9.4","idLike":["fedora"]}`:           {"rhel", "9.4", []string{"fedora"}},
		`{"name":"redhat","version":"8"}`:                                 {"rhel", "8", nil},
		`{"id":"a","version":"1","idLike":[]}`:                            {"a", "1", nil},
		`{"id":"a","version":"1","idLike":null}`:                          {"a", "1", nil},
		`{"id":"a","version":"1","idLike":{"of":"another shape"}}`:        {"a", "1", nil},
		`{"id":"a","version":"1","idLike":["b",7,["c"],"","d"]}`:          {"a", "1", []string{"b", "d"}},
		`{"name":"of a name","id":"","version":"1","versionID":"","x":1}`: {"of a name", "1", nil},
	} {
		var d bundle.Distro
		if err := json.Unmarshal([]byte(document), &d); err != nil {
			t.Errorf("%s: %v", document, err)
		}
		var got release
		if got.id, got.version, got.like = d.Release(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, not %+v", document, got, want)
		}
	}
}
