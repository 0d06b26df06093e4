package image

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"slices"

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

// made is an image whose manifest is being made.
type made struct {
	saved
	archive fs.FS
	config  []byte
	diffIDs []v1.Hash
}

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
	m := made{one, archive, raw, config.RootFS.DiffIDs}
	if len(one.Layers) != len(m.diffIDs) {
		return nil, fault.New(fault.Unsupported, "its manifest.json lists %d layers and its configuration %d", len(one.Layers), len(m.diffIDs))
	}
	if len(m.diffIDs) > limits.MaxLayers {
		return nil, tooManyLayers("it has more than %d layers", limits.MaxLayers)
	}
	x, read := archive.(*export)
	if !read {
		return v.sizedLater(ctx, m)
	}
	sizes := make([]int64, len(m.diffIDs))
	for i, name := range one.Layers {
		if sizes[i], err = x.unpackedSize(name); err != nil {
			return nil, err
		}
	}
	return m.place(sizes)
}

// place is the image with the manifest that layers of those sizes, unpacked, make.
func (m made) place(sizes []int64) (*place, error) {
	manifest := madeManifest{
		SchemaVersion: 2, MediaType: types.DockerManifestSchema2, Layers: []madeDescriptor{},
		Config: madeDescriptor{types.DockerConfigJSON, int64(len(m.config)), m.id},
	}
	paths := map[v1.Hash]string{m.id: m.Config}
	for i, diffID := range m.diffIDs {
		paths[diffID] = m.Layers[i]
		manifest.Layers = append(manifest.Layers, madeDescriptor{types.DockerUncompressedLayer, sizes[i], diffID})
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	doc, err := newDocument(data, types.DockerManifestSchema2)
	if err != nil {
		return nil, err
	}
	return &place{manifest: doc, open: pathsIn(m.archive, paths), tags: fullTags(m.RepoTags), loose: true}, nil
}

// sizedLater is the image without the sizes of its packed layers, which reading
// them will tell.
func (v *visit) sizedLater(ctx context.Context, m made) (*place, error) {
	sizes, packed := make([]int64, len(m.diffIDs)), map[v1.Hash]bool{}
	for i, name := range m.Layers {
		r, form, size, err := openLayer(m.archive, name)
		if err != nil {
			return nil, err
		}
		r.Close()
		sizes[i] = size
		if form != plain {
			packed[m.diffIDs[i]] = true
		}
	}
	p, err := m.place(sizes)
	if err != nil || len(packed) == 0 {
		return p, err
	}
	pic, err := newPicture(ctx, v, p)
	if err != nil {
		return nil, err
	}
	if err := v.suits(p, pic); err != nil {
		return nil, err
	}
	p.known, p.expected, p.again = pic.identity(p), pic.diffIDs(), true
	p.known.Digest, p.known.ParentDigest, p.known.Manifest = "", "", nil
	p.late = func(ctx context.Context, pass *pass) (*place, *picture, error) {
		if err := pass.each(ctx, pass.unread(pic.layers), pass.Layer); err != nil {
			return nil, nil, err
		}
		unpacked, err := pass.unpackedSizes(ctx, slices.DeleteFunc(slices.Clone(pic.layers), func(l *layer) bool { return !packed[l.diffID] }))
		if err != nil {
			return nil, nil, err
		}
		for i, diffID := range m.diffIDs {
			if packed[diffID] {
				sizes[i] = unpacked[diffID]
			}
		}
		p, err := m.place(sizes)
		if err != nil {
			return nil, nil, err
		}
		pic, err := newPicture(ctx, v, p)
		return p, pic, err
	}
	return p, nil
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

// openLayer opens a layer of an archive, and tells how it is packed and how long
// it is as it lies there.
func openLayer(archive fs.FS, name string) (io.ReadCloser, form, int64, error) {
	clean, err := inside(name, ".")
	if err != nil {
		return nil, plain, 0, err
	}
	r, err := openBlob(archive, clean)
	if err != nil {
		return nil, plain, 0, err
	}
	info, err := fs.Stat(archive, clean)
	if err != nil {
		r.Close()
		return nil, plain, 0, err
	}
	head := bufio.NewReader(r)
	form, err := formOf(head)
	if err != nil {
		r.Close()
		return nil, plain, 0, fault.New(fault.Unsupported, "unpack layer %s: %w", printable(name), err)
	}
	return readCloser{head, r}, form, info.Size(), nil
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}
