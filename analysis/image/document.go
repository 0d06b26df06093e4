package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// document is a manifest or an index: its bytes, and what they say they are.
type document struct {
	mediaType types.MediaType
	digest    v1.Hash
	data      []byte
}

// newDocument tells what data is. The media type announced for it must agree
// with the one inside, or two readers would see two images in the same bytes.
// Errors are fault.Unsupported.
func newDocument(data []byte, announced types.MediaType) (document, error) {
	var head struct {
		MediaType types.MediaType `json:"mediaType"`
		Version   int             `json:"schemaVersion"`
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return document{}, fault.New(fault.Unsupported, "the manifest is not JSON: %w", err)
	}
	if !isManifest(announced) {
		announced = "" // some servers announce plain JSON
	}
	kind := head.MediaType
	switch {
	case kind == "":
		kind = announced
	case announced != "" && announced != kind:
		return document{}, fault.New(fault.Unsupported, "the manifest is announced as %s and calls itself %s", announced, printable(string(kind)))
	}
	if kind == "" && head.Manifests != nil {
		kind = types.OCIImageIndex
	}
	if kind == "" && head.Layers != nil {
		kind = types.OCIManifestSchema1
	}
	switch {
	case head.Version == 1 || kind.IsSchema1():
		return document{}, fault.New(fault.Unsupported, "the manifest is of Docker's schema 1, which is no longer in use").
			WithHint("push the image again with a current Docker")
	case head.Manifests != nil && head.Layers != nil:
		return document{}, fault.New(fault.Unsupported, "the manifest lists both layers and manifests")
	case !kind.IsImage() && !kind.IsIndex():
		return document{}, fault.New(fault.Unsupported, "%q is not the media type of an image's manifest", printable(string(kind)))
	}
	return document{mediaType: kind, digest: hashOf(data), data: data}, nil
}

// isManifest tells a manifest's media type from that of any JSON.
func isManifest(t types.MediaType) bool { return t.IsImage() || t.IsIndex() || t.IsSchema1() }

// index is the document as an index.
func (d document) index() (*v1.IndexManifest, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(d.data))
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the index %s cannot be read: %w", d.digest, err)
	}
	return index, nil
}

// fetch reads and verifies a small blob: a manifest, an index or a configuration.
func fetch(ctx context.Context, open opener, d v1.Descriptor, limits Limits) ([]byte, error) {
	r, err := open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := readSmall(r, limits.MaxManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Digest, err)
	}
	if got := hashOf(data); got != d.Digest {
		return nil, mismatch("what is kept as "+d.Digest.String(), d.Digest, got)
	}
	return data, nil
}

// fetchDocument reads and verifies a manifest or an index.
func fetchDocument(ctx context.Context, open opener, d v1.Descriptor, limits Limits) (document, error) {
	data, err := fetch(ctx, open, d, limits)
	if err != nil {
		return document{}, err
	}
	return newDocument(data, d.MediaType)
}

// readSmall reads all of r; more than limit bytes are fault.TooLarge.
func readSmall(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "it is longer than %d bytes, a limit that is fixed", limit)
	}
	return data, nil
}

// mismatch says that content is not what its digest promises.
func mismatch(what string, want, got v1.Hash) error {
	return fault.New(fault.Unsupported, "%s should have the digest %s and has %s: %w", what, want, got, errMismatch).
		WithHint("the image is damaged or was tampered with; pull or save it again")
}

var errMismatch = errors.New("digests differ")

func hashOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
