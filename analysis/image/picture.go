package image

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// picture is an image whose layers are read from where they lie.
type picture struct {
	doc      document
	manifest *v1.Manifest
	config   *v1.ConfigFile
	rawConf  []byte
	layers   []*layer
}

// newPicture reads and verifies the configuration of the image found, and checks
// that it and the manifest speak of the same layers.
func newPicture(ctx context.Context, v *visit, p *place) (*picture, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(p.manifest.data))
	if err != nil {
		return nil, fault.New(fault.Unsupported, "its manifest cannot be read: %w", err)
	}
	if !isConfig(manifest.Config.MediaType) {
		return nil, fault.New(fault.Unsupported, "it is not an image: its configuration is of type %q", printable(string(manifest.Config.MediaType)))
	}
	raw, err := fetch(ctx, p.open, manifest.Config, v.Options.Limits)
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, fault.New(fault.Unsupported, "its configuration cannot be read: %w", err)
	}
	pic := &picture{doc: p.manifest, manifest: manifest, config: config, rawConf: raw}
	if err := pic.check(v); err != nil {
		return nil, err
	}
	budget := newBudget(v.Options.Limits.MaxImageBytes, len(manifest.Layers))
	for i, d := range manifest.Layers {
		pic.layers = append(pic.layers, &layer{
			desc: d, diffID: config.RootFS.DiffIDs[i], index: i,
			open: p.open, loose: p.loose, budget: budget, report: v.report, stage: v.stage(),
		})
	}
	return pic, nil
}

// check bounds the layers and tells whether they are layers at all.
func (p *picture) check(v *visit) error {
	layers, diffIDs := p.manifest.Layers, p.config.RootFS.DiffIDs
	if limit := v.Options.Limits.MaxLayers; len(layers) > limit {
		return tooManyLayers("it has more than %d layers", limit)
	}
	if limit := v.Options.Limits.MaxStoredBytes; limit > 0 && storedBytes(layers) > limit {
		return fault.New(fault.TooLarge, "its layers have more than %d bytes together, as they are stored (limit compressed image size)", limit).
			WithHint("--max-compressed-image-size-mb of the server, or worker, raises the limit")
	}
	if len(layers) != len(diffIDs) {
		return fault.New(fault.Unsupported, "its manifest lists %d layers and its configuration %d", len(layers), len(diffIDs))
	}
	for i, d := range layers {
		if !isLayer(d.MediaType) {
			return fault.New(fault.Unsupported, "layer %s is of type %q, which cannot be read", d.Digest, printable(string(d.MediaType)))
		}
		for _, h := range []v1.Hash{d.Digest, diffIDs[i]} {
			if h.Algorithm != "sha256" {
				return fault.New(fault.Unsupported, "layer %d has a digest of kind %q; only sha256 is known", i, printable(h.Algorithm))
			}
		}
	}
	return nil
}

// storedBytes is the size of all layers together, as the manifest has it.
func storedBytes(layers []v1.Descriptor) (sum int64) {
	for _, d := range layers {
		if d.Size > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += max(d.Size, 0)
	}
	return sum
}

func tooManyLayers(what string, limit int) error {
	return fault.New(fault.TooLarge, what+" (limit layers)", limit).
		WithHint("raise it with --max-layers if the image can be trusted")
}

// isConfig tells whether a configuration of that type is an image's. Early
// versions of Docker pushed theirs without a type of its own.
func isConfig(t types.MediaType) bool {
	return t.IsConfig() || t == "application/octet-stream"
}

// isLayer tells whether a layer of that type is a tar file, packed or not.
func isLayer(t types.MediaType) bool {
	s := string(t)
	return !strings.Contains(s, "encrypted") && (strings.HasPrefix(s, "application/vnd.docker.image.rootfs.") ||
		strings.HasPrefix(s, "application/vnd.oci.image.layer."))
}

// identity is what the image is called by.
func (p *picture) identity(at *place) Identity {
	id := Identity{
		Digest: p.doc.digest.String(), ParentDigest: p.doc.digest.String(), ID: hashOf(p.rawConf).String(),
		Tags: at.tags, RepoDigests: at.repoDigests,
		Manifest: p.doc.data, ManifestType: string(p.doc.mediaType), Config: p.rawConf,
		Platform: platformName(p.platform()),
	}
	if at.parent != nil {
		id.ParentDigest = at.parent.digest.String()
		id.ParentManifest, id.ParentType = at.parent.data, string(at.parent.mediaType)
	}
	return id
}

func (p *picture) platform() v1.Platform {
	return v1.Platform{OS: p.config.OS, Architecture: p.config.Architecture, Variant: p.config.Variant}
}

func (p *picture) diffIDs() []string {
	all := make([]string, len(p.layers))
	for i, l := range p.layers {
		all[i] = l.diffID.String()
	}
	return all
}
