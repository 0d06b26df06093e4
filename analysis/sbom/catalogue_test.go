package sbom_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/sbom"
)

// opened is an image as stereoscope has it.
type opened struct {
	resolver file.Resolver
	source   sbom.Source
	places   []file.Location
	rows     []sbom.Row
}

func (o *opened) Len() int { return len(o.rows) }

func (o *opened) At(n int) (string, []byte) {
	return o.places[n].FileSystemID, []byte(o.places[n].RealPath)
}

func (o *opened) Row(n int) sbom.Row { return o.rows[n] }

func open(t testing.TB, img v1.Image) *opened {
	t.Helper()
	read := image.New(img, nil, t.TempDir())
	if err := read.Read(image.WithLazyLayerSquashes(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Cleanup() })
	o := &opened{source: sbom.Source{
		Name: "example.com/a:b", Manifest: raw(t, img.RawManifest), Config: raw(t, img.RawConfigFile),
		MediaType: string(read.Metadata.MediaType),
	}}
	for _, l := range read.Layers {
		o.source.Layers = append(o.source.Layers, sbom.SourceLayer{
			DiffID: l.Metadata.Digest, MediaType: string(l.Metadata.MediaType), Size: l.Metadata.Size,
		})
	}
	var err error
	if o.resolver, err = stereoscopesource.New(read, stereoscopesource.ImageConfig{}).FileResolver(source.SquashedScope); err != nil {
		t.Fatal(err)
	}
	o.list(t)
	return o
}

// readable tells whether stereoscope takes an image at all.
func readable(t testing.TB, all ...[]entry) bool {
	t.Helper()
	read := image.New(imageOf(t, all...), nil, t.TempDir())
	defer read.Cleanup()
	return read.Read(t.Context()) == nil
}

// list lists the image's files, as if they were all of one layer's record.
func (o *opened) list(t testing.TB) {
	t.Helper()
	x := &layers.Index{}
	for l := range o.resolver.AllLocations(context.Background()) {
		m, err := o.resolver.FileMetadataByLocation(l)
		if err != nil {
			t.Fatal(err)
		}
		row := sbom.Row{Type: m.Type, Mode: m.Mode(), Link: m.LinkDestination, UID: m.UserID, GID: m.GroupID, MIME: m.MIMEType, Size: m.Size()}
		if m.Type == stereofile.TypeRegular {
			row.SHA256 = digest(t, o.resolver, l)
		}
		x.Add(layers.Entry{Path: l.RealPath, MIME: m.MIMEType, Regular: m.Type == stereofile.TypeRegular})
		o.places = append(o.places, l)
		o.rows = append(o.rows, row)
	}
	attachment, err := sbom.Executables(t.Context(), x, nil, func(n int) (io.ReadCloser, error) {
		return o.resolver.FileContentsByLocation(o.places[n])
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := sbom.ReadExecutables(attachment)
	if err != nil {
		t.Fatal(err)
	}
	for n := range o.rows {
		o.rows[n].Executable = found.At(n)
	}
}

func digest(t testing.TB, r file.Resolver, l file.Location) string {
	t.Helper()
	rc, err := r.FileContentsByLocation(l)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	h := sha256.New()
	if _, err := io.Copy(h, rc); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// streamed is the document of an image, catalogued with what m knows.
func (o *opened) streamed(t testing.TB, m *sbom.Memory, gaps ...sbom.Gap) string {
	t.Helper()
	c, err := sbom.Catalog(t.Context(), o.resolver, o.source, m)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := c.Write(t.Context(), &buf, sbom.Tool{Name: "test"}, o, gaps...); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}
