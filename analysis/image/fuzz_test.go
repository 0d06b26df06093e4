package image_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
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
		req.Options.Limits = image.Limits{MaxImageBytes: 1 << 20, MaxManifestBytes: 1 << 16, MaxLayers: 10, MaxArchived: 100}
		img, err := image.Open(t.Context(), req)
		if err == nil {
			c := collector{layers: map[string]string{}}
			if err := img.Read(t.Context(), image.Reading{Layer: c.layer}); err == nil {
				for diffID, digest := range c.layers {
					same(t, "layer", digest, diffID)
				}
				same(t, "digest", img.Digest, digests([][]byte{img.Manifest})[0])
				same(t, "ID", img.ID, digests([][]byte{img.Config})[0])
			}
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
		nothingLeft(t, req)
	})
}

// FuzzExport: whatever a daemon sends, reading it ends, within the limits, and
// what was read to the end is what its digests say.
func FuzzExport(f *testing.F) {
	small := imagetest.Spec{Layers: []imagetest.Layer{{"a": {Content: "b"}}, {"c": {Content: "d"}}}}
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		small.Compression = c
		img := imagetest.New(f, small)
		for _, path := range []string{imagetest.DockerArchive(f, map[string]v1.Image{"app:1": img}), legacy(f, img), podmans(f, img), newerDocker(f, img, img)} {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, diffIDs(f, img)[0])
			f.Add(data[:len(data)/2], "")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, had string) {
		c := collector{layers: map[string]string{}}
		limits := image.Limits{MaxImageBytes: 1 << 20, MaxManifestBytes: 1 << 16, MaxLayers: 10, MaxArchived: 100}
		r := having(had)
		r.Layer = c.layer
		_, err := image.ReadExport(t.Context(), bytes.NewReader(data), []string{had}, limits, r)
		if err != nil {
			if fault.Of(err) == fault.Internal {
				t.Errorf("not a fault: %v", err)
			}
			return
		}
		for diffID, digest := range c.layers {
			same(t, "layer", digest, diffID)
		}
	})
}
