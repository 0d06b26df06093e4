package importserver

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
)

// carriable are the parts that a syft document of an image may carry within.
var carriable = []bundle.Kind{bundle.Manifest, bundle.ImageConfig}

// withCarried adds to parts the manifest and the configuration that nobody named,
// if the syft document has them.
func (s *Server) withCarried(ctx context.Context, parts []store.Part) ([]store.Part, error) {
	var b bundle.Bundle
	for _, p := range parts {
		b.Put(s.part(ctx, p))
	}
	absent := slices.DeleteFunc(slices.Clone(carriable), func(k bundle.Kind) bool {
		_, ok := b.Part(k)
		return ok
	})
	document, ok := b.Part(bundle.Packages)
	if len(absent) == 0 || !ok {
		return parts, nil
	}
	carried, err := carriedBy(document)
	if err != nil {
		return nil, err
	}
	for _, kind := range absent {
		if len(carried[kind]) == 0 {
			return nil, fault.New(fault.Invalid, "import image: contents lack %s, and its SBOM does not carry it", kind).
				WithDetail("content_type", string(kind))
		}
		p, err := s.keep(ctx, kind, "application/json", bytes.NewReader(carried[kind]))
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// carriedBy are the parts that a syft document has of the image it describes.
func carriedBy(document bundle.Part) (map[bundle.Kind][]byte, error) {
	r, err := document.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	d, err := bundle.ReadDocument(r, bundle.Visitor{})
	if err != nil {
		return nil, unreadable(err)
	}
	var source struct {
		Manifest []byte `json:"manifest"`
		Config   []byte `json:"config"`
	}
	if json.Unmarshal(d.Source.Metadata, &source) != nil {
		return nil, nil // what was catalogued is no image
	}
	return map[bundle.Kind][]byte{bundle.Manifest: source.Manifest, bundle.ImageConfig: source.Config}, nil
}
