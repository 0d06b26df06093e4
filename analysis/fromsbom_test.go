package analysis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

const schema = `"schema":{"version":"16.0.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}`

func fromSBOM(t testing.TB, text string, req analysis.Request) (*bundle.Bundle, error) {
	t.Helper()
	dir := t.TempDir()
	b, err := analysis.FromSBOM(t.Context(), strings.NewReader(text), req, analysis.Options{TempDir: dir})
	if err != nil {
		wantEmpty(t, dir)
	}
	t.Cleanup(func() {
		b.Close()
		wantEmpty(t, dir)
	})
	return b, err
}

func TestFromSBOMOfAnImage(t *testing.T) {
	img := imagetest.New(t, spec)
	original := analyze(t, analysis.Request{Image: ociDir(t, img), Name: "example.com/app:1"}, analysis.Options{})
	text := parts(t, original)[bundle.Packages] + "\n \n"
	b, err := fromSBOM(t, text, analysis.Request{Name: "example.com/other:2", Dockerfile: []byte("FROM x"), Annotations: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[bundle.Kind]string{
		bundle.Packages:    text,
		bundle.Manifest:    parts(t, original)[bundle.Manifest],
		bundle.ImageConfig: parts(t, original)[bundle.ImageConfig],
		bundle.Dockerfile:  "FROM x",
	}
	if diff := cmp.Diff(want, parts(t, b)); diff != "" {
		t.Errorf("parts (-want +got):\n%.2000s", diff)
	}
	if b.Digest != original.Digest || b.ImageID != original.ImageID || b.ParentDigest != b.Digest || b.Annotations["a"] != "b" {
		t.Errorf("identity is %+v", b)
	}
	if diff := cmp.Diff([]string{"example.com/other:2"}, b.Tags); diff != "" {
		t.Error(diff)
	}
	unnamed, err := fromSBOM(t, text, analysis.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"example.com/app:1"}, unnamed.Tags); diff != "" {
		t.Error(diff)
	}
}

func TestFromSBOMWithoutManifest(t *testing.T) {
	layer := "sha256:" + strings.Repeat("a", 64)
	digest := "sha256:" + strings.Repeat("b", 64)
	tests := []struct {
		name, metadata string
		digest         string // "" is that of the manifest
		layers         int
	}{
		{"a folder", `"/some/folder"`, "", 0},
		{"nothing", `null`, "", 0},
		{"layers", `{"os":"linux","architecture":"arm64","architectureVariant":"v8","labels":{"k":"v"},"layers":[{"digest":"` + layer + `","size":5},{"digest":"odd","size":-1}]}`, "", 1},
		{"a digest", `{"manifestDigest":"` + digest + `"}`, digest, 0},
		{"a digest that is none", `{"manifestDigest":"sha256:short"}`, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := `{"artifacts":[],"source":{"id":"x","metadata":` + test.metadata + `},` + schema + `}`
			b, err := fromSBOM(t, text, analysis.Request{Name: "app:1"})
			if err != nil {
				t.Fatal(err)
			}
			manifest, _ := b.Part(bundle.Manifest)
			config, _ := b.Part(bundle.ImageConfig)
			if test.digest == "" {
				test.digest = manifest.Digest
			}
			if b.Digest != test.digest || b.ImageID != config.Digest {
				t.Errorf("digest %s, id %s; manifest %s, configuration %s", b.Digest, b.ImageID, manifest.Digest, config.Digest)
			}
			var m struct {
				Config struct{ Digest string }
			}
			if err := json.Unmarshal([]byte(parts(t, b)[bundle.Manifest]), &m); err != nil || m.Config.Digest != config.Digest {
				t.Errorf("the manifest names the configuration %s: %v", m.Config.Digest, err)
			}
			facts, err := b.Facts()
			if err != nil || len(facts.Layers) != test.layers {
				t.Errorf("facts are %+v: %v", facts, err)
			}
			if test.layers > 0 && (facts.Arch != "arm64" || facts.Variant != "v8" || facts.Layers[0].DiffID != layer || facts.Size != 5) {
				t.Errorf("facts are %+v", facts)
			}
		})
	}
}

// Documents of different folders are of different images, and the same document
// is of the same.
func TestFromSBOMOfFolders(t *testing.T) {
	digest := func(artifacts string) string {
		b, err := fromSBOM(t, `{"artifacts":[`+artifacts+`],"source":{"id":"x","type":"directory","metadata":{"path":"/app"}},`+schema+`}`, analysis.Request{Name: "app:1"})
		if err != nil {
			t.Fatal(err)
		}
		return b.Digest
	}
	if digest("") == digest(`{"name":"a"}`) {
		t.Error("two documents have one digest")
	}
	if digest(`{"name":"a"}`) != digest(`{"name":"a"}`) {
		t.Error("one document has two digests")
	}
}

func TestFromSBOMRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		req        analysis.Request
		want       string
	}{
		{"nothing", "", analysis.Request{Name: "app"}, "read syft document"},
		{"no JSON", "Package: zlib", analysis.Request{Name: "app"}, "read syft document"},
		{"half a document", `{"artifacts":[{"name":"a"`, analysis.Request{Name: "app"}, "read syft document"},
		{"CycloneDX", `{"bomFormat":"CycloneDX","components":[]}`, analysis.Request{Name: "app"}, "not syft's JSON"},
		{"a list", `[]`, analysis.Request{Name: "app"}, "read syft document"},
		{"a manifest of another digest", `{"artifacts":[],"source":{"metadata":{"manifest":"e30=","manifestDigest":"sha256:` + strings.Repeat("0", 64) + `"}},` + schema + `}`, analysis.Request{Name: "app"}, "contradicts itself"},
		{"a manifest that is no JSON", `{"artifacts":[],"source":{"metadata":{"manifest":"eA=="}},` + schema + `}`, analysis.Request{Name: "app"}, "not JSON"},
		{"a source of another shape", `{"artifacts":[],"source":{"metadata":{"layers":"none"}},` + schema + `}`, analysis.Request{Name: "app"}, "source"},
		{"no name", `{"artifacts":[],` + schema + `}`, analysis.Request{}, "what its image is called"},
		{"no schema", `{"artifacts":[],"source":{"type":"image"}}`, analysis.Request{Name: "app"}, "does not name its schema"},
		{"another's schema", `{"artifacts":[],"schema":{"version":"1","url":"https://example.com"}}`, analysis.Request{Name: "app"}, "https://example.com"},
		{"a package of another shape", `{"artifacts":["a"],` + schema + `}`, analysis.Request{Name: "app"}, "read syft document"},
		{"a bad name", `{"artifacts":[],` + schema + `}`, analysis.Request{Name: "A B"}, "A B"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := fromSBOM(t, test.text, test.req)
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v (%s), want %q", err, fault.Of(err), test.want)
			}
			if test.want == "read syft document" && !strings.Contains(fault.Hint(err), "syft IMAGE -o json") {
				t.Errorf("hint is %q", fault.Hint(err))
			}
		})
	}
}

func TestFromSBOMOfABrokenReader(t *testing.T) {
	why := errors.New("the pipe broke")
	dir := t.TempDir()
	_, err := analysis.FromSBOM(t.Context(), io.MultiReader(strings.NewReader(`{"artifacts":[`), iotest.ErrReader(why)),
		analysis.Request{Name: "app"}, analysis.Options{TempDir: dir})
	if !errors.Is(err, why) || fault.Of(err) == fault.Invalid {
		t.Errorf("error is %v", err)
	}
	_, err = analysis.FromSBOM(t.Context(), iotest.ErrReader(syscall.ENOSPC), analysis.Request{Name: "app"}, analysis.Options{TempDir: dir})
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "no space left in "+dir) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v (%s)", err, fault.Of(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = analysis.FromSBOM(ctx, strings.NewReader(`{"artifacts":[]}`), analysis.Request{Name: "app"}, analysis.Options{TempDir: dir})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	wantEmpty(t, dir)
}

func FuzzFromSBOM(f *testing.F) {
	f.Add([]byte(`{"artifacts":[{"id":"1","name":"a","licenses":["MIT"]}],"files":[],"source":{"metadata":{"layers":[{"digest":"x"}],"tags":["a:1"]}},` + schema + `}`))
	f.Add([]byte(`{"artifacts":null,"source":{"target":{}},` + schema + `}`))
	dir, err := os.MkdirTemp("", "fuzz-")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := analysis.FromSBOM(t.Context(), bytes.NewReader(data), analysis.Request{Name: "app"}, analysis.Options{TempDir: dir})
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("error is %v", err)
			}
			return
		}
		defer b.Close()
		if got := parts(t, b)[bundle.Packages]; got != string(data) {
			t.Error("the document changed")
		}
		if _, err := b.Facts(); err != nil && json.Valid(data) {
			t.Errorf("facts: %v", err)
		}
	})
}
