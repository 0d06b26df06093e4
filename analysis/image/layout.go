package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// findInLayout finds an image in an OCI image layout, whether that is a folder
// or lies in an archive. name chooses among several; it may be "".
func (v *visit) findInLayout(ctx context.Context, layout fs.FS, name string) (*place, error) {
	top, err := readTop(layout, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	open := blobsOf(layout)
	index := *top.index
	if name != "" {
		index.Manifests = slices.DeleteFunc(slices.Clone(index.Manifests), func(d v1.Descriptor) bool {
			return d.Digest.String() != name && !called(names(d), name)
		})
		if len(index.Manifests) == 0 {
			return nil, fault.New(fault.NotFound, "it holds no image %q but %s", printable(name), top.content())
		}
	}
	found, err := gather(ctx, open, v.Options.Limits, &index, top.parent())
	if err != nil {
		return nil, err
	}
	chosen, err := v.choose(ctx, open, found)
	if err != nil {
		return nil, err
	}
	if err := v.unambiguous(ctx, open, top, found, chosen); err != nil {
		return nil, err
	}
	manifest, err := fetchDocument(ctx, open, chosen.Descriptor, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	return &place{manifest: manifest, parent: chosen.parent, open: open, tags: fullTags(names(index.Manifests[chosen.entry]))}, nil
}

// unambiguous tells whether another image of the layout would have done as well.
func (v *visit) unambiguous(ctx context.Context, open opener, top *topIndex, found []candidate, chosen candidate) error {
	if top.parent() != nil {
		return nil // the entries are one image, for several platforms
	}
	others := slices.DeleteFunc(slices.Clone(found), func(c candidate) bool { return c.Digest == chosen.Digest || c.entry == chosen.entry })
	if len(others) == 0 {
		return nil
	}
	if _, err := v.choose(ctx, open, others); err != nil {
		return nil
	}
	return fault.New(fault.Invalid, "it holds several images: %s", top.content()).
		WithHint("choose one by writing PATH:NAME, with its name or digest")
}

// topIndex is a layout's index.json.
type topIndex struct {
	document
	index *v1.IndexManifest
}

func readTop(layout fs.FS, limits Limits) (*topIndex, error) {
	if _, err := fs.Stat(layout, "oci-layout"); err != nil {
		f := fault.New(fault.Unsupported, "%w: it has no file oci-layout", errNoLayout)
		if _, err := fs.Stat(layout, "manifest.json"); err == nil {
			f.WithHint(`it looks like what "docker save" writes: write docker-archive:PATH, or --from docker-archive`)
		}
		return nil, f
	}
	file, err := layout.Open("index.json")
	if err != nil {
		return nil, fault.New(fault.Unsupported, "it is not an OCI image layout: it has no index.json")
	}
	defer file.Close()
	data, err := readSmall(file, limits.MaxManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("read index.json: %w", err)
	}
	doc, err := newDocument(data, types.OCIImageIndex)
	if err != nil {
		return nil, fmt.Errorf("read index.json: %w", err)
	}
	index, err := doc.index()
	if err != nil {
		return nil, err
	}
	return &topIndex{doc, index}, nil
}

// parent is the index.json itself where it is one image's list of platforms,
// and nil where it only says what the layout holds.
func (t *topIndex) parent() *document {
	platforms := 0
	for _, d := range t.index.Manifests {
		if len(names(d)) > 0 {
			return nil
		}
		if d.MediaType.IsImage() && d.Platform != nil && !isAttestation(d) {
			platforms++
		}
	}
	if platforms < 2 {
		return nil
	}
	return &t.document
}

// content names what the layout holds.
func (t *topIndex) content() string {
	var all []string
	for _, d := range t.index.Manifests {
		if isAttestation(d) {
			continue
		}
		name := d.Digest.String()
		if called := names(d); len(called) > 0 {
			name = strings.Join(called, " ")
		}
		all = append(all, printable(name))
	}
	return list(all)
}

// blobsOf opens the blobs of a layout.
func blobsOf(layout fs.FS) opener {
	return func(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
		if d.Digest.Algorithm != "sha256" || !isHex(d.Digest.Hex) {
			return nil, fault.New(fault.Unsupported, "%q is not a sha256 digest", printable(d.Digest.String()))
		}
		return openBlob(layout, "blobs/sha256/"+d.Digest.Hex)
	}
}

// openBlob opens a regular file of a layout or an archive.
func openBlob(in fs.FS, name string) (io.ReadCloser, error) {
	info, err := fs.Stat(in, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "it lacks %s", printable(name)).
			WithHint("save it again, and whole")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Unsupported, "its %s is not a regular file", printable(name))
	}
	return in.Open(name)
}

// isHex tells 64 lower-case hex digits.
func isHex(s string) bool {
	return len(s) == 64 && len(bytes.Trim([]byte(s), "0123456789abcdef")) == 0
}
