package image

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// original finds the manifest that the image was pulled with, which newer
// daemons put into the archive; nil where there is none. One whose layers are
// not packed was made by the daemon for the archive and is none.
func (v *visit) original(ctx context.Context, archive fs.FS, one saved) (*place, error) {
	top, err := readTop(archive, v.Options.Limits)
	if err != nil {
		return nil, nil // a classic archive
	}
	open := blobsOf(archive)
	found, err := gather(ctx, open, v.Options.Limits, top.index, nil)
	if err != nil {
		return nil, nil
	}
	for _, c := range found {
		doc, err := fetchDocument(ctx, open, c.Descriptor, v.Options.Limits)
		if err != nil {
			if fault.Of(err) == fault.NotFound {
				continue // of another platform, which was not saved
			}
			return nil, err
		}
		manifest, err := v1.ParseManifest(bytes.NewReader(doc.data))
		if err != nil || manifest.Config.Digest != one.id || !isPacked(manifest) {
			continue
		}
		return &place{manifest: doc, parent: c.parent, open: open, tags: fullTags(one.RepoTags)}, nil
	}
	return nil, nil
}

// isPacked tells whether a manifest lists compressed layers.
func isPacked(m *v1.Manifest) bool {
	for _, l := range m.Layers {
		switch l.MediaType {
		case types.OCIUncompressedLayer, types.OCIUncompressedRestrictedLayer, types.DockerUncompressedLayer:
		default:
			return true
		}
	}
	return false
}

// The synthesised manifest, field by field, so that its bytes depend on nothing
// but the image.
type (
	madeManifest struct {
		SchemaVersion int              `json:"schemaVersion"`
		MediaType     types.MediaType  `json:"mediaType"`
		Config        madeDescriptor   `json:"config"`
		Layers        []madeDescriptor `json:"layers"`
	}
	madeDescriptor struct {
		MediaType types.MediaType `json:"mediaType"`
		Size      int64           `json:"size"`
		Digest    v1.Hash         `json:"digest"`
	}
)

// synthesise makes the manifest of an image that has none: the layers are listed
// unpacked, by their diff IDs.
func (v *visit) synthesise(ctx context.Context, archive fs.FS, one saved) (*place, error) {
	limits := v.Options.Limits
	raw, err := one.config(archive, limits)
	if err != nil {
		return nil, err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, fault.New(fault.Unsupported, "its configuration cannot be read: %w", err)
	}
	diffIDs := config.RootFS.DiffIDs
	if len(one.Layers) != len(diffIDs) || len(diffIDs) > limits.MaxLayers {
		return nil, fault.New(fault.Unsupported, "its manifest.json lists %d layers and its configuration %d; at most %d can be handled",
			len(one.Layers), len(diffIDs), limits.MaxLayers)
	}
	made := madeManifest{
		SchemaVersion: 2, MediaType: types.DockerManifestSchema2, Layers: []madeDescriptor{},
		Config: madeDescriptor{types.DockerConfigJSON, int64(len(raw)), one.id},
	}
	paths := map[v1.Hash]string{one.id: one.Config}
	budget := newBudget(limits.MaxImageBytes, len(diffIDs))
	for i, diffID := range diffIDs {
		size, err := unpackedSize(ctx, archive, one.Layers[i], func(n int64) error { return budget.spend(i, n) })
		if err != nil {
			return nil, err
		}
		paths[diffID] = one.Layers[i]
		made.Layers = append(made.Layers, madeDescriptor{types.DockerUncompressedLayer, size, diffID})
	}
	data, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	doc, err := newDocument(data, types.DockerManifestSchema2)
	if err != nil {
		return nil, err
	}
	return &place{manifest: doc, open: pathsIn(archive, paths), tags: fullTags(one.RepoTags), loose: true}, nil
}

// pathsIn opens what lies in an archive under names of its own.
func pathsIn(archive fs.FS, paths map[v1.Hash]string) opener {
	return func(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
		clean, err := inside(paths[d.Digest], ".")
		if err != nil {
			return nil, err
		}
		return openBlob(archive, clean)
	}
}

// unpackedSize is the size of a layer's tar stream. Only a packed layer has to
// be read for it.
func unpackedSize(ctx context.Context, archive fs.FS, name string, spend func(int64) error) (int64, error) {
	clean, err := inside(name, ".")
	if err != nil {
		return 0, err
	}
	r, err := openBlob(archive, clean)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	head := bufio.NewReader(r)
	if form, err := formOf(head); err != nil || form == plain {
		if err != nil {
			return 0, fault.New(fault.Unsupported, "unpack layer %s: %w", printable(name), err)
		}
		info, err := fs.Stat(archive, clean)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	tar, err := inflate(head)
	if err != nil {
		return 0, fault.New(fault.Unsupported, "unpack layer %s: %w", printable(name), err)
	}
	defer tar.Close()
	n, err := io.Copy(&meter{ctx: ctx, spend: spend}, tar)
	if err != nil && fault.Of(err) == fault.Internal && context.Cause(ctx) == nil {
		err = fault.New(fault.Unsupported, "unpack layer %s: %w", printable(name), err)
	}
	return n, err
}

// meter counts what is written to it, and stops it at a limit.
type meter struct {
	ctx   context.Context
	spend func(int64) error
	n     int64
}

func (m *meter) Write(p []byte) (int, error) {
	if err := context.Cause(m.ctx); err != nil {
		return 0, fmt.Errorf("unpack a layer: %w", err)
	}
	m.n += int64(len(p))
	if err := m.spend(m.n); err != nil {
		return 0, err
	}
	return len(p), nil
}
