package sbom

import (
	"bytes"
	"fmt"

	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/formats/fault"
)

// Source is what the document says the image is.
type Source struct {
	Name      string        // by which it was asked for
	Tags      []string      // full tags
	Manifest  []byte        // byte for byte
	Config    []byte        // byte for byte
	MediaType string        // of the manifest
	Layers    []SourceLayer // lowest first
}

// SourceLayer is what the document says of a layer.
type SourceLayer struct {
	DiffID    string
	MediaType string
	Size      int64 // bytes of content, as SizeOf has it
}

// SizeOf is the size of a layer's content in bytes, as syft counts it.
func SizeOf(x *layers.Index) int64 { return x.Sizes() }

// describe is what syft says of such an image, by syft's own code.
func describe(s Source) (source.Source, error) {
	img := &image.Image{}
	img.Metadata.MediaType = types.MediaType(s.MediaType)
	if len(s.Config) > 0 {
		config, err := v1.ParseConfigFile(bytes.NewReader(s.Config))
		if err != nil {
			return nil, fault.New(fault.Invalid, "read the image's configuration: %w", err)
		}
		img.Metadata.Config = *config
		img.Metadata.OS, img.Metadata.Architecture, img.Metadata.Variant = config.OS, config.Architecture, config.Variant
	}
	for n, l := range s.Layers {
		img.Metadata.Size += l.Size
		img.Layers = append(img.Layers, &image.Layer{Metadata: image.LayerMetadata{
			Index: uint(n), Digest: l.DiffID, MediaType: types.MediaType(l.MediaType), Size: l.Size,
		}})
	}
	for _, apply := range []image.AdditionalMetadata{
		image.WithManifest(s.Manifest), image.WithConfig(s.Config), image.WithTags(s.Tags...),
	} {
		if err := apply(img); err != nil {
			return nil, fmt.Errorf("describe the image: %w", err)
		}
	}
	return stereoscopesource.New(img, stereoscopesource.ImageConfig{Reference: s.Name}), nil
}

// subject is an image whose files a resolver of ours finds.
type subject struct {
	source.Source
	resolver file.Resolver
}

// FileResolver is ours, which knows the final image alone.
func (s subject) FileResolver(scope source.Scope) (file.Resolver, error) {
	if scope != source.SquashedScope {
		return nil, fmt.Errorf("list the image's files: no scope %q", scope)
	}
	return s.resolver, nil
}

// Close leaves the files to whoever opened them.
func (s subject) Close() error { return nil }
