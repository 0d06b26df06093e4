// Package image opens a container image wherever it is: in a registry, in a
// daemon, in an archive or in a folder.
//
// # Order
//
// When a request names no source, these are tried in this order, and the first
// that has the image wins: a path that exists is tried as docker-archive and
// oci-archive (a file) or oci-dir (a folder); then what the reference names is
// looked for in docker, podman, containerd and registry. Daemons are then asked
// only for what they hold; they pull only when they are named.
//
// # Trust
//
// Nothing an image says about itself is believed: manifests, configurations and
// layers are hashed while they are read, against the digests that lead to them,
// and layers once more, unpacked, against the configuration. Reading is bounded
// by Limits and ends with the context.
//
// # Reading
//
// Image.Read has every layer read once, several at a time, and verified on the
// way. It needs a few MiB for a layer in flight however large the image is, and
// writes nothing to the disk: a daemon's image is read while the daemon exports
// it. Only an archive that is packed as a whole is unpacked into a private folder
// first, for what lies at its end tells what its layers are.
//
// # Identity
//
// An image's digest is that of its manifest, where it has one. The archives of
// "docker save" have none unless the daemon keeps images as they were pulled.
// One is then made, always the same for the same image: Docker's schema 2 with
// the layers unpacked, each with its diff ID as digest.
package image

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Identity is what an image is called by and recorded under.
type Identity struct {
	Digest       string   // the manifest's digest
	ParentDigest string   // digest of the index it was chosen from; Digest where there is none
	ID           string   // the configuration's digest
	Tags         []string // full tags, as in "docker.io/alpine:3.22"
	RepoDigests  []string // as in "docker.io/alpine@sha256:…"

	Manifest       []byte // byte for byte
	ParentManifest []byte // byte for byte; nil where there is none
	Config         []byte // byte for byte
	ManifestType   string // media type of Manifest
	ParentType     string // media type of ParentManifest
	Platform       string // os/arch[/variant], from the configuration
}

// Image is an open image. It is read under the context that Open was given, and
// must be closed.
type Image struct {
	Identity
	Source string // a name of Sources

	ctx      context.Context // ends with Close
	visit    *visit
	diffIDs  []string
	whole    bool // Identity and diffIDs are complete
	exported bool
	read     func(context.Context, *pass) error
	close    func() error
}

// Open opens an image. Manifest and configuration are read and verified where they
// can be without the layers; what only these tell, of a daemon's image or of an
// archive of "docker save", Read completes: Digest is "" until then. Errors are
// faults, except where ctx ended.
func Open(ctx context.Context, req Request) (*Image, error) {
	ctx, cancel := context.WithCancel(ctx)
	img, v, err := open(ctx, req)
	if err != nil {
		cancel()
		return nil, err
	}
	// Whoever interrupts may never come to Close.
	stop := context.AfterFunc(ctx, func() { v.close() })
	img.ctx = ctx
	img.close = sync.OnceValue(func() error {
		stop()
		cancel()
		return v.close()
	})
	return img, nil
}

// Resolve looks an image up in its registry: its manifest and configuration, no
// layer. The request's source is not looked at.
func Resolve(ctx context.Context, req Request) (Identity, error) {
	registry, _ := sourceNamed("registry")
	img, v, err := try(ctx, req, registry)
	if err != nil {
		return Identity{}, err
	}
	if err := v.close(); err != nil {
		return Identity{}, fmt.Errorf("resolve %s: %w", printable(req.Reference), err)
	}
	return img.Identity, nil
}

// DiffIDs are the digests of the layers, unpacked, the lowest first. Before Read,
// those of a daemon's image are only what the daemon says they are, if anything.
func (i *Image) DiffIDs() []string { return slices.Clone(i.diffIDs) }

// Exported tells whether a daemon exports the whole image each time that any of its
// layers is read.
func (i *Image) Exported() bool { return i.exported }

// Close removes everything spilled and ends what is still being read.
func (i *Image) Close() error {
	if i == nil || i.close == nil {
		return nil
	}
	return i.close()
}
