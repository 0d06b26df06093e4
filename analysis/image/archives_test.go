package image_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// withDiffID is an image whose configuration lies about its first layer.
func withDiffID(t *testing.T, img v1.Image, diffID v1.Hash) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0] = diffID
	lying, err := mutate.ConfigFile(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return lying
}
