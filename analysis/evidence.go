package analysis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/formats/bundle"
)

const mediaTypeJSON = "application/json"

// evidence is what an analysis saw, before it is written.
type evidence struct {
	req      Request
	o        Options
	img      *image.Image
	names    names
	pass     *files.Pass
	tree     *sbom.Image
	doc      *sbom.Document
	secrets  *search // nil: not searched
	contents *search // nil: not searched
}

// bundle writes everything down. Where that fails, the caller closes what there
// is of it.
func (e evidence) bundle(ctx context.Context) (*bundle.Bundle, error) {
	e.o.stage("write", false)
	b, err := bundle.New(e.o.TempDir)
	if err != nil {
		return nil, err
	}
	b.Digest, b.ParentDigest, b.ImageID = e.img.Digest, e.img.ParentDigest, e.img.ID
	if b.ParentDigest == "" {
		b.ParentDigest = b.Digest
	}
	b.Tags, b.Annotations, b.Source = e.names.tags, e.req.Annotations, e.img.Source
	for _, write := range []func(context.Context, *bundle.Bundle) error{
		e.writeImage, e.writeSearches, e.writeContents, e.writeDocument,
	} {
		if ctx.Err() != nil {
			return b, fmt.Errorf("write the evidence: %w", context.Cause(ctx))
		}
		if err := write(ctx, b); err != nil {
			return b, err
		}
	}
	e.o.stage("write", true)
	return b, nil
}

// writeImage writes what the image says of itself.
func (e evidence) writeImage(_ context.Context, b *bundle.Bundle) error {
	for _, p := range []struct {
		kind      bundle.Kind
		mediaType string
		data      []byte
	}{
		{bundle.Manifest, e.img.ManifestType, e.img.Manifest},
		{bundle.ParentManifest, e.img.ParentType, e.img.ParentManifest},
		{bundle.ImageConfig, mediaTypeJSON, e.img.Config},
		{bundle.Dockerfile, "text/plain", e.req.Dockerfile},
	} {
		if len(p.data) == 0 {
			continue
		}
		if err := b.WriteBytes(p.kind, p.mediaType, p.data); err != nil {
			return err
		}
	}
	return nil
}

// writeSearches writes the searches that took place.
func (e evidence) writeSearches(_ context.Context, b *bundle.Bundle) error {
	layers := e.pass.LayerIDs()
	if e.secrets != nil {
		if err := writeList(b, bundle.SecretSearches, each(e.secrets.everywhere(layers))); err != nil {
			return err
		}
	}
	if e.contents == nil {
		return nil
	}
	found, err := e.contents.visible(e.tree, layers)
	if err != nil {
		return err
	}
	return writeList(b, bundle.ContentSearches, each(found))
}

// writeContents writes the files to keep, one at a time.
func (e evidence) writeContents(ctx context.Context, b *bundle.Bundle) error {
	if len(e.o.Retrieve) == 0 {
		return nil
	}
	found, err := e.tree.Glob(ctx, e.o.Retrieve...)
	if err != nil {
		return err
	}
	var total int64
	return writeList(b, bundle.FileContents, func(yield func(any) error) error {
		for _, f := range found {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			limit := min(e.o.RetrieveMaxSize, MaxRetrieved-total)
			if f.Size > limit {
				e.doc.AddGap(f.Path, f.Layer, fmt.Sprintf("retrieve: %d bytes are more than the limit leaves (%d)", f.Size, limit))
				continue
			}
			data, err := readFile(f, limit)
			if err != nil {
				e.doc.AddGap(f.Path, f.Layer, "retrieve: "+err.Error())
				continue
			}
			total += int64(len(data))
			location := bundle.Location{Path: f.Path, LayerID: f.Layer}
			if err := yield(bundle.FileContent{Location: location, Contents: base64.StdEncoding.EncodeToString(data)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func readFile(f sbom.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// writeDocument comes last: the other parts add the gaps they met.
func (e evidence) writeDocument(_ context.Context, b *bundle.Bundle) error {
	for _, s := range []*search{e.secrets, e.contents} {
		if s == nil {
			continue
		}
		for _, g := range s.gaps {
			e.doc.AddGap(g.path, g.layer, g.reason)
		}
	}
	tool := sbom.Tool{Name: e.o.Tool, Version: e.o.Version, Configuration: e.configuration()}
	return b.Write(bundle.Packages, mediaTypeJSON, func(w io.Writer) error { return e.doc.Write(w, tool) })
}

// each yields the elements of a list.
func each[T any](list []T) func(func(any) error) error {
	return func(yield func(any) error) error {
		for _, v := range list {
			if err := yield(v); err != nil {
				return err
			}
		}
		return nil
	}
}

// writeList writes a JSON list as its elements come.
func writeList(b *bundle.Bundle, kind bundle.Kind, elements func(yield func(any) error) error) error {
	return b.Write(kind, mediaTypeJSON, func(w io.Writer) error {
		before := "["
		err := elements(func(v any) error {
			data, err := json.Marshal(v)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "%s\n%s", before, data)
			before = ","
			return err
		})
		if err != nil {
			return err
		}
		if before == "[" {
			_, err = io.WriteString(w, "[]\n")
			return err
		}
		_, err = io.WriteString(w, "\n]\n")
		return err
	})
}
