package importserver

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// renderingVersion tells two renderings apart: it is a digest over what examples are
// rendered as, so that a rendering that says something else is another version.
func renderingVersion() (string, error) {
	h := sha256.New()
	at := time.Date(2024, 2, 29, 12, 30, 45, 123456000, time.UTC)
	i := store.Image{
		ID: 1, Account: "account", Digest: "digest", ParentDigest: "parent", ImageID: "id",
		Annotations: map[string]string{"key": "value"}, Request: store.Request{PullString: "pull", Platform: "platform", Dockerfile: []byte("FROM x")},
		Status: wire.Analyzed, Reason: "reason", Attempts: 2, Origin: fromServer, Evidence: "evidence",
		Facts: store.Facts{
			Arch: "arch", Distro: "distro", DistroVersion: "version", DockerfileMode: "Actual", Size: 3, Layers: 4, Gaps: 5, NoFiles: true,
		},
		CreatedAt: at, UpdatedAt: at.Add(time.Second), AnalyzedAt: at.Add(time.Minute),
	}
	tags := []store.Tag{
		{Image: 1, Account: "account", Registry: "registry", Repository: "repository", Tag: "tag", CreatedAt: at, DetectedAt: at.Add(time.Hour)},
		{Image: 1, Account: "account", Registry: "registry", Repository: "repository", CreatedAt: at, DetectedAt: at},
	}
	steps := []store.Transition{{
		Image: 1, At: at, From: wire.Analyzing, To: wire.Analyzed, Host: "host", Service: "service", Worker: "worker", Version: "version", Attempt: 6, Reason: "reason",
	}}
	for _, example := range []struct {
		image store.Image
		tags  []store.Tag
		steps []store.Transition
	}{{i, tags, steps}, {store.Image{Status: wire.NotAnalyzed}, nil, nil}} {
		r, err := renderImage(example.image, example.tags, example.steps)
		if err != nil {
			return "", err
		}
		for _, text := range append([][]byte{r.Record, r.Reference, r.Summary}, r.Tags...) {
			h.Write(append(text, 0))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
