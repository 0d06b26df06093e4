package sbom_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/anchore/syft/syft/file"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/tree"
)

// pass is an image that was read into records.
type pass struct {
	tree.List
	tree    *tree.Tree
	records []*layers.Record
	marks   []*sbom.Marks // by layer
	found   []*sbom.Findings
	source  sbom.Source
	anew    []string // the catalogers that ran for the last document
}

func (p *pass) Row(n int) sbom.Row {
	f := p.File(n)
	e := f.Entry
	row := sbom.Row{Type: f.Type, Mode: e.Info().Mode(), Link: e.Link, UID: e.UID, GID: e.GID, MIME: e.MIME, Size: e.Size, Executable: p.found[f.Place.Layer].At(f.Place.Ordinal)}
	if e.Regular {
		row.SHA256 = e.SHA256()
	}
	return row
}

func (p *pass) open(_ context.Context, at tree.Place) (tree.Content, error) {
	c, ok := p.records[at.Layer].Content(at.Ordinal)
	if !ok {
		return nil, os.ErrNotExist
	}
	return c, nil
}

// readPass reads an image.
func readPass(t testing.TB, img v1.Image) *pass {
	t.Helper()
	kind, err := img.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	p := &pass{source: sbom.Source{
		Name: "example.com/a:b", Manifest: raw(t, img.RawManifest), Config: raw(t, img.RawConfigFile), MediaType: string(kind),
	}}
	all, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var list []tree.Layer
	for n, l := range all {
		f, err := os.Create(filepath.Join(t.TempDir(), strconv.Itoa(n)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		w := layers.NewWriter(f)
		m := &sbom.Marks{}
		x, err := layers.Read(t.Context(), r, w, layers.Options{
			Observers: []layers.Observer{m.Observe}, Keep: func(string) bool { return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Finish(x); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		record, err := layers.OpenRecord(f, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		id, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		p.records, p.marks = append(p.records, record), append(p.marks, m)
		media, err := l.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		p.source.Layers = append(p.source.Layers, sbom.SourceLayer{DiffID: id.String(), MediaType: string(media), Size: sbom.SizeOf(record.Index())})
		list = append(list, tree.Layer{ID: id.String(), Index: record.Index()})
	}
	p.lookIntoExecutables(t)
	if p.tree, err = tree.Squash(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	p.List = p.tree.List()
	return p
}

func (p *pass) lookIntoExecutables(t testing.TB) {
	t.Helper()
	for n, r := range p.records {
		data, err := sbom.Executables(t.Context(), r.Index(), p.marks[n], func(ordinal int) (io.ReadCloser, error) {
			return p.open(t.Context(), tree.Place{Layer: n, Ordinal: ordinal})
		})
		if err != nil {
			t.Fatal(err)
		}
		found, err := sbom.ReadExecutables(data)
		if err != nil {
			t.Fatal(err)
		}
		p.found = append(p.found, found)
	}
}

// resolver knows the image's files, and what was found out of its executables.
func (p *pass) resolver(t testing.TB) file.Resolver {
	return knowing{p.tree.Resolver(t.Context(), p.open), p}
}

type knowing struct {
	tree.Resolver
	of *pass
}

// Executable is what was found out of a file.
func (k knowing) Executable(l file.Location) (sbom.Finding, bool) {
	at, ok := k.Place(l)
	if !ok {
		return sbom.Finding{}, false
	}
	return k.of.found[at.Layer].At(at.Ordinal), true
}

// document is the image's document, catalogued with what m knows.
func (p *pass) document(t testing.TB, r file.Resolver, m *sbom.Memory) string {
	t.Helper()
	c, err := sbom.Catalog(t.Context(), r, p.source, m)
	if err != nil {
		t.Fatal(err)
	}
	p.anew = c.Anew()
	var buf bytes.Buffer
	if err := c.Write(t.Context(), &buf, sbom.Tool{Name: "test"}, p); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}
