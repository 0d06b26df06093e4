package analysis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

// MaxSBOM bounds a document that FromSBOM reads, in bytes.
const MaxSBOM = 2 << 30

// FromSBOM makes a bundle of a syft document: its packages byte for byte, and no
// evidence beside it. Manifest and configuration are the document's own, or else
// minimal ones made up from what it says of the image. Of the request the name,
// the Dockerfile and the annotations are used. What is not syft's JSON is
// fault.Invalid.
func FromSBOM(ctx context.Context, r io.Reader, req Request, o Options) (b *bundle.Bundle, err error) {
	if req, o, err = prepare(req, o); err != nil {
		return nil, err
	}
	if b, err = bundle.New(o.TempDir); err != nil {
		return nil, err
	}
	if err = fromSBOM(ctx, r, req, b); err != nil {
		return nil, errors.Join(withHint(err, o.TempDir), b.Close())
	}
	return b, nil
}

func fromSBOM(ctx context.Context, r io.Reader, req Request, b *bundle.Bundle) error {
	var doc bundle.Document
	err := b.Write(bundle.Packages, mediaTypeJSON, func(w io.Writer) (err error) {
		doc, err = copyDocument(ctx, r, w)
		return err
	})
	if err != nil {
		return err
	}
	part, _ := b.Part(bundle.Packages)
	src, err := readSource(doc.Source, part.Digest)
	if err != nil {
		return err
	}
	b.Digest, b.ImageID, b.Source = src.digest(), src.id(), "sbom"
	b.ParentDigest, b.Annotations = b.Digest, req.Annotations
	if b.Tags, err = sbomTags(req, src); err != nil {
		return err
	}
	if err := b.WriteBytes(bundle.Manifest, src.mediaType(), src.Manifest); err != nil {
		return err
	}
	if len(req.Dockerfile) > 0 {
		if err := b.WriteBytes(bundle.Dockerfile, "text/plain", req.Dockerfile); err != nil {
			return err
		}
	}
	return b.WriteBytes(bundle.ImageConfig, mediaTypeJSON, src.Config)
}

// copyDocument copies a document and reads its head on the way.
func copyDocument(ctx context.Context, r io.Reader, w io.Writer) (bundle.Document, error) {
	from := &copying{ctx: ctx, r: io.LimitReader(r, MaxSBOM+1), w: w}
	doc, err := bundle.ReadDocument(from, anything)
	if from.err == nil && err == nil {
		_, err = io.Copy(io.Discard, from)
	}
	switch {
	case from.err != nil:
		return doc, from.err
	case from.n > MaxSBOM:
		return doc, fault.New(fault.TooLarge, "the SBOM is longer than %d bytes", int64(MaxSBOM))
	case err == nil:
		err = checkSchema(doc.Schema)
	}
	if err != nil {
		return doc, fault.New(fault.Invalid, "%w", err).WithHint("give a document that syft wrote with: syft IMAGE -o json")
	}
	return doc, nil
}

// anything has every package and file of a document decoded, so that one of
// another shape is found out here.
var anything = bundle.Visitor{
	Package: func(bundle.Package) error { return nil },
	File:    func(bundle.File) error { return nil },
}

// checkSchema refuses a document that syft's own reader, and so the matching of
// vulnerabilities, would not take for syft's.
func checkSchema(s bundle.Schema) error {
	switch {
	case s.Version == "":
		return errors.New("read syft document: it does not name its schema's version, so it is not syft's JSON")
	case !strings.Contains(s.URL, "anchore/syft"):
		return fmt.Errorf("read syft document: its schema is %.200q, so it is not syft's JSON", s.URL)
	}
	return nil
}

// copying writes what is read from it, and tells its own failures from the
// document's.
type copying struct {
	ctx context.Context
	r   io.Reader
	w   io.Writer
	n   int64
	err error
}

func (c *copying) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		c.err = context.Cause(c.ctx)
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if _, werr := c.w.Write(p[:n]); werr != nil {
		err = werr
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// sbomTags are the tags to record a document under: the name given, or else
// those that the image had.
func sbomTags(req Request, s sbomSource) ([]string, error) {
	id := image.Identity{Digest: s.digest(), ParentDigest: s.digest(), Tags: s.Tags}
	if req.Name != "" {
		n, err := givenName(req.Name, id)
		return n.tags, err
	}
	if tags := validTags(id.Tags); len(tags) > 0 {
		return tags, nil
	}
	return nil, fault.New(fault.Invalid, "the SBOM does not say what its image is called").
		WithHint("give the name to record it under, as in example.com/app:1.0")
}
