package tree_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/tree"
)

// entry is one header of a layer's tar: by its flag, else a regular file.
type entry struct {
	name    string
	flag    byte
	link    string
	content string
	mode    int64
	uid     int
}

func f(name, content string) entry { return entry{name: name, content: content} }
func d(name string) entry          { return entry{name: name, flag: tar.TypeDir, mode: 0o755} }
func s(name, to string) entry      { return entry{name: name, flag: tar.TypeSymlink, link: to, mode: 0o777} }
func h(name, to string) entry      { return entry{name: name, flag: tar.TypeLink, link: to, mode: 0o640} }

// spec is an image: the entries of each layer, the lowest first.
type spec [][]entry

func (s spec) tars(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for i, entries := range s {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for j, e := range entries {
			if e.flag == 0 {
				e.flag = tar.TypeReg
			}
			if e.mode == 0 {
				e.mode = 0o644
			}
			hd := &tar.Header{
				Name: e.name, Typeflag: e.flag, Linkname: e.link, Mode: e.mode, Uid: e.uid, Gid: i, Size: int64(len(e.content)),
				ModTime: time.Unix(int64(1700000000+100*i+j), 0),
			}
			if err := w.WriteHeader(hd); err != nil {
				t.Fatalf("write %+v: %v", e, err)
			}
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, buf.Bytes())
	}
	return all
}

// theirs is syft's resolver of the image; an error is that of reading it.
func theirs(t testing.TB, tars [][]byte, os string) (file.Resolver, error) {
	t.Helper()
	var ls []v1.Layer
	for _, b := range tars {
		ls = append(ls, static.NewLayer(b, types.OCIUncompressedLayer))
	}
	img, err := mutate.AppendLayers(empty.Image, ls...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS = os
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	gen := stereofile.NewTempDirGenerator("tree-test")
	dir, err := gen.NewDirectory("image")
	if err != nil {
		t.Fatal(err)
	}
	read := image.New(img, gen, dir)
	if err := read.Read(image.WithLazyLayerSquashes(context.Background())); err != nil {
		_ = read.Cleanup()
		_ = gen.Cleanup()
		return nil, err
	}
	t.Cleanup(func() { _ = read.Cleanup() })
	resolver, err := stereoscopesource.New(read, stereoscopesource.ImageConfig{}).FileResolver(source.SquashedScope)
	if err != nil {
		t.Fatal(err)
	}
	return resolver, nil
}

// mine is the tree of the image.
func mine(t testing.TB, tars [][]byte, options ...tree.Option) (*tree.Tree, tree.Open) {
	t.Helper()
	var all []tree.Layer
	var records []*layers.Record
	for _, b := range tars {
		digest, err := static.NewLayer(b, types.OCIUncompressedLayer).DiffID()
		if err != nil {
			t.Fatal(err)
		}
		r, err := record(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tree.Layer{ID: digest.String(), Index: r.Index()})
		records = append(records, r)
	}
	squashed, err := tree.Squash(context.Background(), all, options...)
	if err != nil {
		t.Fatal(err)
	}
	return squashed, func(_ context.Context, p tree.Place) (tree.Content, error) {
		if c, ok := records[p.Layer].Content(p.Ordinal); ok {
			return c, nil
		}
		return fromTar(tars[p.Layer], p.Ordinal) // what records leave out
	}
}

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

func fromTar(b []byte, ordinal int) (tree.Content, error) {
	r := tar.NewReader(bytes.NewReader(b))
	for range ordinal + 1 {
		if _, err := r.Next(); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(r)
	return content{bytes.NewReader(data)}, err
}

// record is that of a layer, with all of its contents.
func record(b []byte) (*layers.Record, error) {
	var buf bytes.Buffer
	w := layers.NewWriter(&buf)
	x, err := layers.Read(context.Background(), bytes.NewReader(b), w, layers.Options{Keep: func(string) bool { return true }})
	if err != nil {
		return nil, err
	}
	if err := w.Finish(x); err != nil {
		return nil, err
	}
	return layers.OpenRecord(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
}

func index(t *testing.T, b []byte) *layers.Index {
	t.Helper()
	r, err := record(b)
	if err != nil {
		t.Fatal(err)
	}
	return r.Index()
}
