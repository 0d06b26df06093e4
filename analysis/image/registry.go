package image

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/reference"
)

// findRegistry finds an image in the registry that its reference names.
func findRegistry(ctx context.Context, v *visit) (*place, error) {
	ref, err := reference.Parse(v.Reference)
	if err != nil {
		return nil, err
	}
	c, err := newRegistryClient(ctx, ref, v.Options.Registry)
	if err != nil {
		return nil, err
	}
	v.later(c.close)
	root, err := c.root(ctx, ref, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	manifest, parent, err := v.descend(ctx, c.open, root)
	if err != nil {
		return nil, err
	}
	p := &place{manifest: manifest, parent: parent, open: c.open, repoDigests: []string{ref.FullDigest(root.digest.String())}}
	if parent != nil {
		p.repoDigests = append(p.repoDigests, ref.FullDigest(manifest.digest.String()))
	}
	if ref.Tag != "" {
		p.tags = []string{ref.FullTag()}
	}
	return p, nil
}

// root gets and verifies the manifest or index that the reference names. A
// digest wins over a tag beside it.
func (c *registryClient) root(ctx context.Context, ref reference.Reference, limits Limits) (document, error) {
	name := ref.Tag
	if ref.Digest != "" {
		name = ref.Digest
	}
	answer, err := c.manifest(ctx, name, limits)
	if err != nil {
		return document{}, err
	}
	promised := answer.digest
	if ref.Digest != "" {
		promised = ref.Digest
	}
	want, err := v1.NewHash(promised)
	if got := hashOf(answer.data); err == nil && want.Algorithm == got.Algorithm && want != got {
		return document{}, mismatch("the manifest", want, got)
	}
	return newDocument(answer.data, answer.mediaType)
}
