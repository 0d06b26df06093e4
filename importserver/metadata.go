package importserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// metadataParts are the types of metadata that are a part of the evidence as it is.
var metadataParts = map[string]bundle.Kind{
	"manifest": bundle.Manifest, "parent_manifest": bundle.ParentManifest,
	"config": bundle.ImageConfig, "dockerfile": bundle.Dockerfile,
}

const historyMetadata = "docker_history"

// MetadataTypes are the types of metadata that an image has. A Dockerfile that is
// only guessed is none: docker_history has what is known.
func (a *Account) MetadataTypes(ctx context.Context, digest string) ([]string, error) {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return nil, err
	}
	list := []string{historyMetadata}
	for name, kind := range metadataParts {
		if _, ok := b.Part(kind); ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// Metadata is one document about an image. The Dockerfile is empty where none was
// given.
func (a *Account) Metadata(ctx context.Context, digest, kind string) (wire.Metadata, error) {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return wire.Metadata{}, err
	}
	data, err := metadata(b, kind)
	if err != nil {
		return wire.Metadata{}, err
	}
	return wire.Metadata{Digest: digest, Type: kind, Data: base64.StdEncoding.EncodeToString(data)}, nil
}

func metadata(b *bundle.Bundle, kind string) ([]byte, error) {
	if kind == historyMetadata {
		return history(b)
	}
	part, ok := metadataParts[kind]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no metadata type %.100q", kind).
			WithHint("have config, docker_history, dockerfile, manifest, parent_manifest")
	}
	if _, ok := b.Part(part); !ok && part != bundle.Dockerfile {
		return nil, fault.New(fault.NotFound, "the image has no %s", kind)
	}
	return b.ReadAll(part, bundle.MaxConfig)
}

// history is the image's making, as its configuration tells it.
func history(b *bundle.Bundle) ([]byte, error) {
	data, err := b.ReadAll(bundle.ImageConfig, bundle.MaxConfig)
	if err != nil {
		return nil, err
	}
	var c struct {
		History []json.RawMessage `json:"history"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if c.History == nil {
		c.History = []json.RawMessage{}
	}
	return json.Marshal(c.History)
}

// nativeSBOMs are the names of the syft document as it was made.
var nativeSBOMs = []string{"native-json", "syft-json"}

// SBOM writes an image's SBOM to w: as a stream where that is the document as it was
// made, else once it is whole.
func (a *Account) SBOM(ctx context.Context, digest, format string, w io.Writer) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	native := slices.Contains(nativeSBOMs, format)
	if !native && !slices.Contains(a.server.functions.SBOMFormats, format) {
		return fault.New(fault.NotFound, "there is no SBOM format %.100q", format).
			WithHint("have %s", strings.Join(a.server.sbomFormats(), ", "))
	}
	r, err := open(b, bundle.Packages, "the evidence has no syft document")
	if err != nil {
		return err
	}
	defer r.Close()
	if native {
		_, err := io.Copy(w, r)
		return err
	}
	leave, err := a.place(ctx)
	if err != nil {
		return err
	}
	return a.server.made(w, leave, func(out io.Writer) error { return a.server.functions.Encode(ctx, format, r, out) })
}

func (s *Server) sbomFormats() []string {
	all := append(slices.Clone(nativeSBOMs), s.functions.SBOMFormats...)
	slices.Sort(all)
	return slices.Compact(all)
}
