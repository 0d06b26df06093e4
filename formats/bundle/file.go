package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// A bundle file is a zstd-compressed tar: first "bundle.json", the index, then
// "parts/<kind>" for every part in the order of Kinds. It holds no times, so
// that equal bundles give equal files. Every part is a zstd stream of its own,
// and a table of where they lie ends the file, in a frame that decoders skip: so
// parts are packed once, and can be read from the file where it lies.
const (
	indexName   = "bundle.json"
	partsFolder = "parts/"
	fileVersion = 1
	maxIndex    = 4 << 20
)

// Limits bound what ReadFile takes from a file. Zero is the default.
type Limits struct {
	PartBytes int64 // of one part, unpacked; default 1 GiB
}

// DefaultPartBytes is the largest part taken in unless a limit says otherwise.
const DefaultPartBytes = 1 << 30

type index struct {
	Version      int               `json:"version"`
	Digest       string            `json:"digest"`
	ParentDigest string            `json:"parent_digest,omitempty"`
	ImageID      string            `json:"image_id"`
	Tags         []string          `json:"tags"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Source       string            `json:"source,omitempty"`
	Parts        []indexPart       `json:"parts"`
}

type indexPart struct {
	Kind      Kind   `json:"kind"`
	MediaType string `json:"media_type"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// WriteFile writes the bundle as one file.
func WriteFile(w io.Writer, b *Bundle) error {
	if err := writeMembers(newFileWriter(w), b); err != nil {
		return fmt.Errorf("write bundle file: %w", err)
	}
	return nil
}

func writeMembers(f *fileWriter, b *Bundle) error {
	head := index{
		Version: fileVersion, Digest: b.Digest, ParentDigest: b.ParentDigest, ImageID: b.ImageID,
		Tags: b.Tags, Annotations: b.Annotations, Source: b.Source,
	}
	for _, p := range b.Parts() {
		head.Parts = append(head.Parts, indexPart{p.Kind, p.MediaType, p.Digest, p.Size})
	}
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return err
	}
	// What is between two parts is one frame: the end of one, the header of the next.
	between, err := member(nil, 0, indexName, int64(len(data)))
	if err != nil {
		return err
	}
	between = append(between, data...)
	before := int64(len(data))
	t := table{Index: data}
	for _, p := range b.Parts() {
		if between, err = member(between, before, partsFolder+string(p.Kind), p.Size); err != nil {
			return err
		}
		if err := f.frame(between); err != nil {
			return err
		}
		entry, err := f.part(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Kind, err)
		}
		t.Parts = append(t.Parts, entry)
		between, before = nil, p.Size
	}
	between = append(between, make([]byte, padding(before)+2*tarBlock)...)
	if err := f.frame(between); err != nil {
		return err
	}
	return f.end(t)
}

const tarBlock = 512

// padding fills a member of that size to whole blocks.
func padding(size int64) int64 { return (tarBlock - size%tarBlock) % tarBlock }

// member appends what stands between a member of the size before and the content
// of the next one.
func member(to []byte, before int64, name string, size int64) ([]byte, error) {
	to = append(to, make([]byte, padding(before))...)
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size})
	return append(to, header.Bytes()...), err
}

// name gives a bundle what its index says.
func (x index) name(b *Bundle) {
	b.Digest, b.ParentDigest, b.ImageID = x.Digest, x.ParentDigest, x.ImageID
	b.Tags, b.Annotations, b.Source = x.Tags, x.Annotations, x.Source
}

// ReadFile reads a bundle file written by WriteFile, keeping its parts below a
// folder of the bundle's own in dir until Close. Every part's size and digest
// are checked. A file that is not a whole bundle is fault.Invalid, one beyond
// the limits fault.TooLarge; that its parts cannot be kept is neither.
func ReadFile(r io.Reader, dir string, limits Limits) (*Bundle, error) {
	if limits.PartBytes == 0 {
		limits.PartBytes = DefaultPartBytes
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("read bundle file: %w", err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	head, err := readIndex(t)
	if err != nil {
		return nil, err
	}
	b, err := New(dir)
	if err != nil {
		return nil, err
	}
	head.name(b)
	for _, p := range head.Parts {
		if err := readPart(t, b, p, limits); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	if _, err := t.Next(); err != io.EOF {
		return nil, errors.Join(damaged("something follows its last part"), b.Close())
	}
	if n, err := z.Read(make([]byte, 1)); n > 0 || err != io.EOF { // the table, which decoders skip
		return nil, errors.Join(damaged("it does not end after its last part (%v)", err), b.Close())
	}
	if missing := b.Missing(); len(missing) > 0 {
		return nil, errors.Join(damaged("it lacks %v", missing), b.Close())
	}
	return b, nil
}

func readIndex(t *tar.Reader) (index, error) {
	var head index
	h, err := t.Next()
	if err != nil || h.Name != indexName || h.Size > maxIndex {
		return head, fault.New(fault.Invalid, "read bundle file: it does not begin with %s, so it is not a bundle", indexName).
			WithHint("make one with: tidepole image analyze IMAGE -o FILE")
	}
	if err := json.NewDecoder(io.LimitReader(t, maxIndex)).Decode(&head); err != nil {
		return head, damaged("its index: %w", err)
	}
	if head.Version != fileVersion {
		return head, fault.New(fault.Unsupported, "read bundle file: its version is %d, and this program knows %d", head.Version, fileVersion).
			WithHint("use the same version of tidepole on both sides")
	}
	if !reference.IsDigest(head.Digest) {
		return head, damaged("its image digest %q is not one", head.Digest)
	}
	return head, checkParts(head.Parts)
}

// checkParts wants known kinds, each once, in order.
func checkParts(parts []indexPart) error {
	last := -1
	for _, p := range parts {
		at := slices.Index(Kinds, p.Kind)
		if at <= last {
			return damaged("part %q is unknown, stands twice or out of order", p.Kind)
		}
		last = at
	}
	return nil
}

func readPart(t *tar.Reader, b *Bundle, want indexPart, limits Limits) error {
	h, err := t.Next()
	if err != nil {
		return damaged("it ends before %s: %w", want.Kind, err)
	}
	if h.Name != partsFolder+string(want.Kind) || h.Size != want.Size {
		return damaged("%q of %d bytes stands where %s of %d bytes belongs", h.Name, h.Size, want.Kind, want.Size)
	}
	if h.Size > limits.PartBytes {
		return fault.New(fault.TooLarge, "read bundle file: %s has %d bytes, the limit is %d", want.Kind, h.Size, limits.PartBytes)
	}
	in := &source{Reader: t}
	err = b.Write(want.Kind, want.MediaType, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	if in.err != nil {
		return damaged("%s: %w", want.Kind, in.err)
	}
	if err != nil { // the file may be whole, but there is no place for it
		return fmt.Errorf("read bundle file: %w", err)
	}
	if got, _ := b.Part(want.Kind); got.Digest != want.Digest || got.Size != want.Size {
		return damaged("%s is %s, its index says %s", want.Kind, got.Digest, want.Digest)
	}
	return nil
}

// source remembers that it was what failed.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Invalid, "read bundle file: %w", fmt.Errorf(format, args...)).
		WithHint("the file is damaged or cut short: copy it again")
}

// Sum is the digest of a stream in the form parts use, and its length.
func Sum(r io.Reader) (digest string, size int64, err error) {
	c := &counter{Hash: sha256.New()}
	_, err = io.Copy(c, r)
	return c.digest(), c.n, err
}
