// Package image opens a container image wherever it is.
package image

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
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

// Image is an open image. Its context is the one given to Open.
type Image struct {
	Identity
	Source string // a name of Sources

	v1 v1.Image
}

// SourceInfo is one row of the table of sources.
type SourceInfo struct {
	Name string
	Help string
}

// Open opens an image.
func Open(ctx context.Context, req Request) (*Image, error) {
	return nil, fault.New(fault.Unavailable, "open %s: no source", req.Reference)
}

// Resolve looks an image up in its registry.
func Resolve(ctx context.Context, req Request) (Identity, error) {
	return Identity{}, fault.New(fault.Unavailable, "resolve %s: no source", req.Reference)
}

// Sources are the places an image can be in, in the order they are tried.
func Sources() []SourceInfo { return nil }

// V1 is the image's content.
func (i *Image) V1() v1.Image { return i.v1 }

// Close removes everything spilled.
func (i *Image) Close() error { return nil }
