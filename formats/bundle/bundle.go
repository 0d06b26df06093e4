// Package bundle is the evidence of one image, in the parts that the import
// contract names: how to read it, write it, and what it may not exceed.
package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Kind names a part as the import contract does.
type Kind string

// The parts of a bundle.
const (
	Packages        Kind = "packages"         // syft JSON: packages, distribution, and metadata of every file
	Manifest        Kind = "manifest"         // the image's manifest, byte for byte
	ParentManifest  Kind = "parent_manifest"  // the index or list the image was chosen from
	ImageConfig     Kind = "image_config"     // the image's configuration, byte for byte
	Dockerfile      Kind = "dockerfile"       // only where one was given
	SecretSearches  Kind = "secret_searches"  // []Search; absent means "not searched", not "none found"
	ContentSearches Kind = "content_searches" // []Search
	FileContents    Kind = "file_contents"    // []FileContent
)

// Kinds are all parts, small ones first; the order in which they are uploaded.
var Kinds = []Kind{Manifest, ParentManifest, ImageConfig, Dockerfile, SecretSearches, ContentSearches, FileContents, Packages}

// Required are the parts without which nothing is imported.
var Required = []Kind{Packages, Manifest, ImageConfig}

// Part is one piece of evidence. Its bytes lie in a file or a blob, never in
// memory as a whole.
type Part struct {
	Kind      Kind
	MediaType string
	Digest    string // "sha256:<hex>" of the bytes that Open gives
	Size      int64  // of the bytes that Open gives
	Open      func() (io.ReadCloser, error)

	packed func() (io.ReadCloser, error) // the same, as a zstd stream of its own; nil: not kept so
}

// Bundle is the evidence of one image and the names to record it under.
type Bundle struct {
	Digest       string            // the manifest's digest: the image's identity
	ParentDigest string            // digest of the index or list it was chosen from; Digest where there is none
	ImageID      string            // the configuration's digest
	Tags         []string          // full tags, as in "docker.io/alpine:3.22"
	Annotations  map[string]string // recorded with the image
	Source       string            // where the image was read, as in "registry"; for people, never trusted

	parts map[Kind]Part
	temp  string
	file  io.Closer // that the parts lie in, of a bundle that was opened
}

// New starts a bundle whose parts are kept below a private folder of its own in
// dir ("" is the system's temporary folder) until Close.
func New(dir string) (*Bundle, error) {
	temp, err := os.MkdirTemp(dir, "bundle-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for evidence: %w", err)
	}
	return &Bundle{temp: temp, parts: map[Kind]Part{}}, nil
}

// Put adds a part whose bytes lie elsewhere; the caller keeps them there.
func (b *Bundle) Put(p Part) {
	if b.parts == nil {
		b.parts = map[Kind]Part{}
	}
	b.parts[p.Kind] = p
}

// Write adds the part that fill writes. It is kept packed.
func (b *Bundle) Write(kind Kind, mediaType string, fill func(io.Writer) error) error {
	if b.temp == "" {
		return errors.New("write a part of a bundle that has no folder")
	}
	name := filepath.Join(b.temp, string(kind))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	sum := &counter{Hash: sha256.New()}
	err = pack(f, func(z io.Writer) error { return fill(io.MultiWriter(z, sum)) })
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	b.Put(packedPart(Part{Kind: kind, MediaType: mediaType, Digest: sum.digest(), Size: sum.n},
		func() (io.ReadCloser, error) { return os.Open(name) }))
	return nil
}

// WriteBytes adds a part from memory, for the small ones.
func (b *Bundle) WriteBytes(kind Kind, mediaType string, data []byte) error {
	return b.Write(kind, mediaType, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Part is the part of that kind, if the bundle has it.
func (b *Bundle) Part(kind Kind) (Part, bool) {
	p, ok := b.parts[kind]
	return p, ok
}

// Parts are the parts present, in the order of Kinds.
func (b *Bundle) Parts() []Part {
	var parts []Part
	for _, k := range Kinds {
		if p, ok := b.parts[k]; ok {
			parts = append(parts, p)
		}
	}
	return parts
}

// Evidence is the digest of all parts' digests: two bundles with equal evidence
// give equal reports.
func (b *Bundle) Evidence() string {
	sum := sha256.New()
	for _, p := range b.Parts() {
		fmt.Fprintf(sum, "%s %s\n", p.Kind, p.Digest)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Missing are the required parts that the bundle lacks.
func (b *Bundle) Missing() []Kind {
	return slices.DeleteFunc(slices.Clone(Required), func(k Kind) bool {
		_, ok := b.parts[k]
		return ok
	})
}

// ReadAll reads a part that is known to be small, and fails beyond limit bytes.
// A part that is absent gives nil and no error.
func (b *Bundle) ReadAll(kind Kind, limit int64) ([]byte, error) {
	p, ok := b.Part(kind)
	if !ok {
		return nil, nil
	}
	r, err := p.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kind, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: longer than %d bytes", kind, limit)
	}
	return data, nil
}

// Close removes what Write put into the bundle's own folder, and closes the file
// that an opened bundle lies in.
func (b *Bundle) Close() error {
	if b == nil {
		return nil
	}
	var err error
	if b.file != nil {
		err = b.file.Close()
		b.file = nil
	}
	if b.temp != "" {
		err = errors.Join(err, os.RemoveAll(b.temp))
	}
	return err
}

// counter hashes and counts what is written to it.
type counter struct {
	hash.Hash
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}

func (c *counter) digest() string { return "sha256:" + hex.EncodeToString(c.Sum(nil)) }
