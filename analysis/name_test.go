package analysis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/bundle"
)

// TestNames is about the tags an image is recorded under.
func TestNames(t *testing.T) {
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"a": {Content: "a"}}}})
	digest, _ := img.Digest()
	registry := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	registry.Push(t, "app:1", img)
	dir := imagetest.OCIDir(t, map[string]mutate.Appendable{"": img})
	odd := filepath.Join(t.TempDir(), "My App_1.0 (copy).tar.gz")
	move(t, imagetest.OCIArchive(t, "", map[string]mutate.Appendable{"": img}), odd)
	named := imagetest.DockerArchive(t, map[string]v1.Image{"alpine:3.22": img})
	plain := image.Options{Registry: image.Registry{PlainHTTP: []string{registry.Host}}}
	tests := []struct {
		name string
		req  analysis.Request
		want []string
	}{
		{"the name given", analysis.Request{Name: "app", Image: image.Request{Reference: dir, Source: "oci-dir"}}, []string{"docker.io/app:latest"}},
		{"the name given, with the digest", analysis.Request{Name: "app:2@" + digest.String(), Image: image.Request{Reference: dir, Source: "oci-dir"}}, []string{"docker.io/app:2"}},
		{"a registry's", analysis.Request{Image: image.Request{Reference: registry.Host + "/app:1", Source: "registry", Options: plain}}, []string{registry.Host + "/app:1"}},
		{"tag and digest", analysis.Request{Image: image.Request{Reference: registry.Host + "/app:1@" + digest.String(), Source: "registry", Options: plain}}, []string{registry.Host + "/app:1"}},
		{"a digest alone", analysis.Request{Image: image.Request{Reference: registry.Host + "/app@" + digest.String(), Source: "registry", Options: plain}}, []string{registry.Host + "/app@" + digest.String()}},
		{"an archive's own", analysis.Request{Image: image.Request{Reference: named, Source: "docker-archive"}}, []string{"docker.io/alpine:3.22"}},
		{"an archive without a name", analysis.Request{Image: image.Request{Reference: odd, Source: "oci-archive"}}, []string{"localbuild/my-app-1-0-copy:latest"}},
		{"a folder without a name", analysis.Request{Image: image.Request{Reference: dir, Source: "oci-dir"}}, []string{"localbuild/" + filepath.Base(dir) + ":latest"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.req.Image.Platform = "linux/amd64"
			b := analyze(t, test.req, analysis.Options{Retrieve: []string{}})
			if diff := cmp.Diff(test.want, b.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if test.want != nil && !strings.Contains(parts(t, b)[bundle.Packages], `"userInput":"`+test.want[0]+`"`) {
				t.Error("the document has another name")
			}
		})
	}
}

// TestNamesOfTheUnnamed is about what is no name although it reads like one.
func TestNamesOfTheUnnamed(t *testing.T) {
	id := image.Identity{ID: "sha256:" + strings.Repeat("0123456789abcdef", 4)}
	tests := []struct {
		reference, source string
		tags              []string // that the source knows
		want              []string
	}{
		{"0123456789ab", "docker", nil, []string{"localbuild/0123456789ab:latest"}},
		{"0123456789ab", "docker", []string{"docker.io/app:1", "not a tag", "docker.io/app@" + id.ID}, []string{"docker.io/app:1"}},
		{id.ID, "podman", nil, []string{"localbuild/" + strings.TrimPrefix(id.ID, "sha256:") + ":latest"}},
		{id.ID, "podman", []string{"localhost/app:1"}, []string{"localhost/app:1"}},
		{"0123456789", "docker", nil, []string{"docker.io/0123456789:latest"}},
		{"123456789abc", "docker", nil, []string{"docker.io/123456789abc:latest"}},
		{"app.tar", "docker-archive", nil, []string{"localbuild/app:latest"}},
		{"app.tar:inner", "oci-archive", nil, []string{"localbuild/app:latest"}},
		{"images/", "oci-dir", nil, []string{"localbuild/images:latest"}},
		{"/", "oci-dir", nil, []string{"localbuild/image:latest"}},
		{strings.Repeat("x", 300) + ".tar", "docker-archive", nil, []string{"localbuild/" + strings.Repeat("x", 128) + ":latest"}},
	}
	for _, test := range tests {
		id.Tags = test.tags
		got, err := analysis.RecordNames(analysis.Request{Image: image.Request{Reference: test.reference}}, id, test.source)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s from %s: %v (-want +got):\n%s", test.reference, test.source, err, diff)
		}
	}
}

func move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
