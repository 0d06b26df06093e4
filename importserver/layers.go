package importserver

import (
	"encoding/json"
	"regexp"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

// maxLayers is how many layers an image may be said to have: engines stop at 127.
const maxLayers = 1000

// diffID is a digest of any algorithm, as the OCI image specification has them, and as
// long as that of SHA-512 at most.
var diffID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{1,128}$`)
})

// readLayers tells which layers an image is made of, by which its ancestors are found.
func readLayers(b *bundle.Bundle) ([]string, error) {
	data, err := b.ReadAll(bundle.ImageConfig, bundle.MaxConfig)
	if err != nil {
		return nil, err
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &config); err != nil {
			return nil, unreadable(err)
		}
	}
	if n := len(config.RootFS.DiffIDs); n > maxLayers {
		return nil, fault.New(fault.Invalid, "the image's configuration lists %d layers, and no image has more than %d", n, maxLayers)
	}
	for _, id := range config.RootFS.DiffIDs {
		if !diffID().MatchString(id) {
			return nil, fault.New(fault.Invalid, "the image's configuration lists the layer %.100q, which is not a digest", id)
		}
	}
	return config.RootFS.DiffIDs, nil
}
