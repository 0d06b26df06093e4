package analysis

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// sbomSource is what a syft document says of the image it describes.
type sbomSource struct {
	Manifest       []byte            `json:"manifest"`
	Config         []byte            `json:"config"`
	MediaType      string            `json:"mediaType"`
	ManifestDigest string            `json:"manifestDigest"`
	ImageID        string            `json:"imageID"`
	Tags           []string          `json:"tags"`
	OS             string            `json:"os"`
	Architecture   string            `json:"architecture"`
	Variant        string            `json:"architectureVariant"`
	Labels         map[string]string `json:"labels"`
	Layers         []struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"` // the diff ID
		Size      int64  `json:"size"`
	} `json:"layers"`
}

// readSource reads the source of the document with that digest and fills in what
// it lacks. Whatever was catalogued may be the source; what it does not say stays
// empty.
func readSource(d bundle.Source, document string) (sbomSource, error) {
	var s sbomSource
	if len(d.Metadata) > 0 && d.Metadata[0] == '{' {
		if err := json.Unmarshal(d.Metadata, &s); err != nil {
			return s, fault.New(fault.Invalid, "read syft document: source: %w", err)
		}
	}
	if len(s.Manifest) > bundle.MaxManifest || len(s.Config) > bundle.MaxConfig {
		return s, fault.New(fault.TooLarge, "the SBOM's manifest or configuration is too long")
	}
	for _, part := range [][]byte{s.Manifest, s.Config} {
		if len(part) > 0 && !json.Valid(part) {
			return s, fault.New(fault.Invalid, "the SBOM's manifest or configuration is not JSON")
		}
	}
	if reference.IsDigest(s.ManifestDigest) && len(s.Manifest) > 0 && digestOf(s.Manifest) != s.ManifestDigest {
		return s, fault.New(fault.Invalid, "the SBOM contradicts itself: its manifest has the digest %s, and it says %s", digestOf(s.Manifest), s.ManifestDigest)
	}
	if len(s.Config) == 0 {
		s.Config = s.makeConfig(document)
	}
	if len(s.Manifest) == 0 {
		s.Manifest, s.MediaType = s.makeManifest(), mediaTypeManifest
	}
	return s, nil
}

const (
	mediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaTypeConfig   = "application/vnd.oci.image.config.v1+json"
	mediaTypeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

func (s sbomSource) digest() string {
	if reference.IsDigest(s.ManifestDigest) {
		return s.ManifestDigest
	}
	return digestOf(s.Manifest)
}

func (s sbomSource) id() string {
	if reference.IsDigest(s.ImageID) {
		return s.ImageID
	}
	return digestOf(s.Config)
}

func (s sbomSource) mediaType() string {
	if s.MediaType == "" {
		return mediaTypeManifest
	}
	return s.MediaType
}

// descriptor is an OCI descriptor.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func (s sbomSource) makeManifest() []byte {
	layers := []descriptor{}
	for _, l := range s.Layers {
		if reference.IsDigest(l.Digest) {
			layers = append(layers, descriptor{mediaTypeLayer, l.Digest, max(l.Size, 0)})
		}
	}
	return marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     mediaTypeManifest,
		"config":        descriptor{mediaTypeConfig, digestOf(s.Config), int64(len(s.Config))},
		"layers":        layers,
	})
}

// makeConfig names the document, so that no two that say little of their source
// pass for the same image.
func (s sbomSource) makeConfig(document string) []byte {
	ids := []string{}
	for _, l := range s.Layers {
		if reference.IsDigest(l.Digest) {
			ids = append(ids, l.Digest)
		}
	}
	config := map[string]any{
		"os": s.OS, "architecture": s.Architecture,
		"config": map[string]any{"Labels": s.Labels},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		"sbom":   document,
	}
	if s.Variant != "" {
		config["variant"] = s.Variant
	}
	return marshal(config)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// marshal is for values that cannot fail to be JSON.
func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
