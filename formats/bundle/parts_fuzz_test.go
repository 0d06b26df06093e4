package bundle_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

// FuzzSearches: whatever stands in a part of searches or of files, it is read or
// refused, and a refusal repeats little of it.
func FuzzSearches(f *testing.F) {
	f.Add(`[{"location":{"path":"/x","layerID":"l"},"content_searches":[{"classification":"c","line_number":1,"line_offset":2,"seek_position":3,"length":4}]}]`)
	f.Add(`[{"location":{"path":"/x"},"content_searches":[{"classification":"c","value":"the secret"}]}]`)
	f.Add(`[{"location":{"path":"/x"},"contents":"eA=="},null,{"content_searches":[null,{}]}]`)
	f.Add(`[{"location":`)
	f.Fuzz(func(t *testing.T, text string) {
		matches := 0
		err := bundle.EachSearch(strings.NewReader(text), func(s bundle.Search) error {
			matches += len(s.Matches)
			return nil
		})
		if err == nil && matches > len(text) {
			t.Errorf("%d matches in %q", matches, text)
		}
		_ = bundle.EachFileContent(strings.NewReader(text), func(bundle.FileContent) error { return nil }) // an error is an answer
		if err := bundle.CheckSearches(strings.NewReader(text)); err != nil && (fault.Of(err) != fault.Invalid || len(err.Error()) > 300) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzFacts: whatever the small parts of an image are, its facts are read, or it is
// said why not; and what they say is bounded by what there is.
func FuzzFacts(f *testing.F) {
	document := []byte(`{"artifacts":[],"source":{},"distro":{"id":"debian","versionID":"12"}}`)
	f.Add([]byte(`{"schemaVersion":2,"layers":[{"digest":"sha256:x","size":1000,"mediaType":"y"}]}`),
		[]byte(`{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["x"]},"history":[{"created_by":"/bin/sh -c #(nop) CMD x"}]}`), []byte("FROM scratch\n"))
	f.Add([]byte(`{"layers":[{"size":-1},{"size":9223372036854775807},{"size":1e99}]}`), []byte(`{"history":[{"created_by":"\u001b[2J"},null]}`), []byte{0xff, 0})
	f.Add([]byte(`{"layers":[{"size":9223372036854775807},{"size":9223372036854775807}]}`), []byte(`{}`), []byte{})
	f.Add([]byte(`[]`), []byte(`null`), []byte(``))
	f.Fuzz(func(t *testing.T, manifest, config, dockerfile []byte) {
		b, err := bundle.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for kind, data := range map[bundle.Kind][]byte{
			bundle.Packages: document, bundle.Manifest: manifest, bundle.ImageConfig: config, bundle.Dockerfile: dockerfile,
		} {
			if err := b.WriteBytes(kind, "application/json", data); err != nil {
				t.Fatal(err)
			}
		}
		facts, err := b.Facts()
		if err != nil {
			return
		}
		if facts.Size < 0 || len(facts.Layers) > len(manifest)+len(config) {
			t.Errorf("an image of %d bytes with %d layers", facts.Size, len(facts.Layers))
		}
		if facts.DockerfileMode != "Actual" && len(bytes.TrimSpace(dockerfile)) > 0 {
			t.Errorf("the Dockerfile that was given is %q", facts.DockerfileMode)
		}
	})
}
