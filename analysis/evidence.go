package analysis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"

	"github.com/anchore/syft/syft/file"
	"golang.org/x/sync/errgroup"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/tree"
	"github.com/tidepole/tidepole/formats/bundle"
)

const mediaTypeJSON = "application/json"

// evidence is what an analysis saw, before it is written.
type evidence struct {
	req    Request
	o      Options
	img    *image.Image
	names  names
	layers []*layer // the lowest first
	open   tree.Open
	found  func(*layer) (searches, error) // what was found in a layer

	tree      *tree.Tree
	catalogue *sbom.Catalogue
	gaps      []sbom.Gap
	retrieved []tree.Place // of files, in this bundle
	secret    bool         // in one of them
}

// bundle finds out what is missing, and writes everything down: what there is beside
// packages while these are catalogued. Where that fails, the caller closes what there
// is of it.
func (e *evidence) bundle(ctx context.Context, m *sbom.Memory) (*bundle.Bundle, error) {
	e.o.stage("catalog", false)
	if err := e.squash(ctx); err != nil {
		return nil, err
	}
	b, err := e.newBundle()
	if err != nil {
		return nil, err
	}
	both, inner := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		defer recovered(&err)
		return e.catalog(inner, m)
	})
	both.Go(func() (err error) {
		defer recovered(&err)
		for _, write := range []func(context.Context, *bundle.Bundle) error{e.writeImage, e.writeContents, e.writeSearches} {
			if inner.Err() != nil {
				return fmt.Errorf("write the evidence: %w", context.Cause(inner))
			}
			if err := write(inner, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err := both.Wait(); err != nil {
		if p, ok := errors.AsType[panicked](err); ok {
			panic(p)
		}
		return b, err
	}
	e.o.stage("catalog", true)
	e.o.stage("write", false)
	if ctx.Err() != nil {
		return b, fmt.Errorf("write the evidence: %w", context.Cause(ctx))
	}
	if err := e.writeDocument(ctx, b); err != nil {
		return b, err
	}
	e.o.stage("write", true)
	return b, nil
}

// panicked is the error that stands for a panic until it goes on where it can be met.
type panicked struct{ text string }

// Error says what it was, and where.
func (p panicked) Error() string { return p.text }

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = panicked{fmt.Sprintf("%v\n%s", p, debug.Stack())}
	}
}

// squash finds the paths of the final image.
func (e *evidence) squash(ctx context.Context) (err error) {
	var all []tree.Layer
	for _, l := range e.layers {
		all = append(all, tree.Layer{ID: l.id, Index: l.index()})
	}
	options := []tree.Option{tree.MaxEntries(e.o.MaxEntries)}
	if os, _, _ := strings.Cut(e.img.Platform, "/"); os == "windows" {
		options = append(options, tree.Windows())
	}
	e.tree, err = tree.Squash(ctx, all, options...)
	return err
}

// catalog finds the packages in them.
func (e *evidence) catalog(ctx context.Context, m *sbom.Memory) (err error) {
	src := sbom.Source{
		Name: e.names.document, Tags: validTags(e.names.tags),
		Manifest: e.img.Manifest, Config: e.img.Config, MediaType: e.img.ManifestType,
	}
	types := layerTypes(e.img.Manifest)
	for i, l := range e.layers {
		src.Layers = append(src.Layers, sbom.SourceLayer{DiffID: l.id, MediaType: types[i], Size: sbom.SizeOf(l.index())})
	}
	e.catalogue, err = sbom.Catalog(ctx, resolver{e.tree.Resolver(ctx, e.open), e.layers}, src, m)
	if over := e.tree.Overrun(); over != nil { // a cataloger may take it for an image without files
		return fmt.Errorf("find the files of the image: %w", over)
	}
	return err
}

// newBundle is one that says which image it is of.
func (e *evidence) newBundle() (*bundle.Bundle, error) {
	b, err := bundle.New(e.o.TempDir)
	if err != nil {
		return nil, err
	}
	b.Digest, b.ParentDigest, b.ImageID = e.img.Digest, e.img.ParentDigest, e.img.ID
	if b.ParentDigest == "" {
		b.ParentDigest = b.Digest
	}
	b.Tags, b.Annotations, b.Source = e.names.tags, e.req.Annotations, e.img.Source
	return b, nil
}

// writeImage writes what the image says of itself.
func (e *evidence) writeImage(_ context.Context, b *bundle.Bundle) error {
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

// writeSearches writes the searches that took place. It comes after the files
// were retrieved, to tell whether there is a secret in them.
func (e *evidence) writeSearches(ctx context.Context, b *bundle.Bundle) error {
	if e.o.Secrets == nil && e.o.Content == nil {
		return nil
	}
	g, err := e.gather(ctx)
	if err != nil {
		return err
	}
	if e.o.Secrets != nil {
		if err := writeList(b, bundle.SecretSearches, each(g.secrets.list)); err != nil {
			return err
		}
	}
	if e.o.Content == nil {
		return nil
	}
	return writeList(b, bundle.ContentSearches, each(g.contents.list))
}

// writeContents writes the files to keep, one at a time.
func (e *evidence) writeContents(ctx context.Context, b *bundle.Bundle) error {
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
			if size := f.Entry.Size; size > limit {
				e.gap(f.Path, f.Layer, fmt.Sprintf("retrieve: %d bytes are more than the limit leaves (%d)", size, limit))
				continue
			}
			data, err := e.readFile(ctx, f, limit)
			if errors.Is(err, fs.ErrNotExist) { // whatever else goes wrong does not follow from the image
				e.gap(f.Path, f.Layer, "retrieve: "+err.Error())
				continue
			}
			if err != nil {
				return fmt.Errorf("retrieve %s: %w", f.Path, err)
			}
			total += int64(len(data))
			if len(data) > 0 {
				e.retrieved = append(e.retrieved, f.Place)
			}
			location := bundle.Location{Path: f.Path, LayerID: f.Layer}
			if err := yield(bundle.FileContent{Location: location, Contents: base64.StdEncoding.EncodeToString(data)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *evidence) gap(path, layer, reason string) {
	e.gaps = append(e.gaps, sbom.Gap{Path: path, Layer: layer, Reason: reason})
}

func (e *evidence) readFile(ctx context.Context, f tree.File, limit int64) ([]byte, error) {
	r, err := e.open(ctx, f.Place)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit))
	if size := e.layers[f.Place.Layer].index().Size(f.Place.Ordinal); err == nil && int64(len(data)) < min(size, limit) {
		err = fmt.Errorf("it has %d bytes, and %d could be read", size, len(data))
	}
	return data, err
}

// writeDocument comes last: the other parts add the gaps they met.
func (e *evidence) writeDocument(ctx context.Context, b *bundle.Bundle) error {
	list := files{e.tree.List(), e.layers}
	tool := sbom.Tool{Name: e.o.Tool, Version: e.o.Version, Configuration: e.configuration()}
	return b.Write(bundle.Packages, mediaTypeJSON, func(w io.Writer) error {
		return e.catalogue.Write(ctx, w, tool, list, e.gaps...)
	})
}

// resolver knows what was found out of executables, too.
type resolver struct {
	tree.Resolver
	layers []*layer
}

// Executable is what was found out of a file.
func (r resolver) Executable(l file.Location) (sbom.Finding, bool) {
	at, ok := r.Place(l)
	if !ok {
		return sbom.Finding{}, false
	}
	return r.layers[at.Layer].executables.At(at.Ordinal), true
}

// files are the paths of the final image as the document lists them.
type files struct {
	tree.List
	layers []*layer
}

// Row is what the document says of a path.
func (f files) Row(n int) sbom.Row {
	at := f.File(n)
	e := at.Entry
	row := sbom.Row{
		Type: at.Type, Mode: e.Info().Mode(), Link: e.Link, UID: e.UID, GID: e.GID, MIME: e.MIME, Size: e.Size,
		Executable: f.layers[at.Place.Layer].executables.At(at.Place.Ordinal),
	}
	if e.Regular {
		row.SHA256 = e.SHA256()
	}
	return row
}

// layerTypes are the media types of a manifest's layers, as many as there are.
func layerTypes(manifest []byte) []string {
	var m struct {
		Layers []struct{ MediaType string }
	}
	_ = json.Unmarshal(manifest, &m) // it was read before
	types := make([]string, len(m.Layers))
	for i, l := range m.Layers {
		types[i] = l.MediaType
	}
	return types
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
