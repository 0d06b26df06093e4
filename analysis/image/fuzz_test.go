package image_test

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// FuzzDockerArchive: whatever the file holds, opening and reading it ends,
// leaves nothing behind, and what was read to the end is what its digests say.
func FuzzDockerArchive(f *testing.F) {
	small := imagetest.Spec{Layers: []imagetest.Layer{{"a": {Content: "b"}}}}
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		small.Compression = c
		path := imagetest.DockerArchive(f, map[string]v1.Image{"app:1": imagetest.New(f, small)})
		for _, path := range []string{path, packed(f, path)} {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			f.Add(data[:len(data)/2])
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "archive.tar")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		req := request(t, "docker-archive", path)
		req.Options.Limits = image.Limits{MaxImageBytes: 1 << 20, MaxManifestBytes: 1 << 16, MaxLayers: 10, MaxEntries: 100}
		img, err := image.Open(t.Context(), req)
		if err == nil {
			if all, err := unpack(img.V1()); err == nil {
				same(t, "layers", digests(all), listed(t, img.V1()))
				if err := validate.Image(img.V1(), validate.Fast); err != nil {
					t.Errorf("not a valid image: %v", err)
				}
			}
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
		nothingLeft(t, req)
	})
}
