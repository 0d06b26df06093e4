// Package imagetest makes small images in memory for tests, writes them in the
// forms images are kept in, and serves them from a registry in the process.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// Layer is the content of a layer by path, without a leading slash. A deleted
// file is an empty one named ".wh.NAME".
type Layer map[string]File

// File is one entry of a layer: a regular file unless Dir, Link or Hard is set.
type File struct {
	Content string
	Mode    int64 // with setuid as 0o4000; 0 is 0644, for folders 0755
	UID     int
	GID     int
	Link    string // target of a symbolic link
	Hard    string // path of the file this is a hard link to
	Dir     bool
}

// Compression is how a layer is stored.
type Compression int

// The ways to store a layer.
const (
	Gzip Compression = iota
	Zstd
	Plain
)

// Spec describes an image.
type Spec struct {
	Layers      []Layer
	Compression Compression
	Config      v1.Config // user, environment, ports and so on
	History     []string  // the commands of the history, the oldest first; one a layer, the rest as empty layers
	Platform    string    // "" is linux/amd64
	Docker      bool      // Docker's media types instead of OCI's
}

// Time is when everything in a test image was made.
var Time = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// New makes an image. The same specification gives the same digest.
func New(t testing.TB, s Spec) v1.Image {
	t.Helper()
	var img v1.Image = empty.Image
	if !s.Docker {
		img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	for i, l := range s.Layers {
		img = must(mutate.Append(img, mutate.Addendum{Layer: s.layer(t, l), History: s.history(i)}))(t)
	}
	for i := len(s.Layers); i < len(s.History); i++ {
		img = must(mutate.Append(img, mutate.Addendum{History: s.history(i)}))(t)
	}
	file := must(img.ConfigFile())(t).DeepCopy()
	file.Config = s.Config
	file.Created = v1.Time{Time: Time}
	p := s.platform(t)
	file.OS, file.Architecture, file.Variant = p.OS, p.Architecture, p.Variant
	return must(mutate.ConfigFile(img, file))(t)
}

// Index makes an index of images, one for each platform.
func Index(t testing.TB, specs ...Spec) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, s := range specs {
		p := s.platform(t)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: New(t, s), Descriptor: v1.Descriptor{Platform: &p}})
	}
	return index
}

// Attested adds an attestation manifest to an index, as BuildKit does.
func Attested(t testing.TB, index v1.ImageIndex) v1.ImageIndex {
	t.Helper()
	return mutate.AppendManifests(index, mutate.IndexAddendum{
		Add: New(t, Spec{Layers: []Layer{{"attestation.json": {Content: "{}"}}}}),
		Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
		},
	})
}

// Tar is the layer as a tar stream.
func (l Layer) Tar(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, path := range slices.Sorted(maps.Keys(l)) {
		f := l[path]
		if err := w.WriteHeader(f.header(path)); err != nil {
			t.Fatal(err)
		}
		if f.header(path).Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, f.Content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (f File) header(path string) *tar.Header {
	h := &tar.Header{Name: path, Mode: f.Mode, Uid: f.UID, Gid: f.GID, ModTime: Time, Typeflag: tar.TypeReg}
	switch {
	case f.Dir:
		h.Typeflag, h.Name = tar.TypeDir, strings.TrimSuffix(path, "/")+"/"
	case f.Link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
	case f.Hard != "":
		h.Typeflag, h.Linkname = tar.TypeLink, f.Hard
	default:
		h.Size = int64(len(f.Content))
	}
	if h.Mode == 0 {
		h.Mode = 0o644
		if f.Dir {
			h.Mode = 0o755
		}
	}
	return h
}

// RawLayer is a layer of OCI's types whose tar stream is raw.
func RawLayer(t testing.TB, raw []byte, c Compression) v1.Layer {
	t.Helper()
	return Spec{Compression: c}.pack(t, raw)
}

// FromLayers makes an image for linux/amd64 of layers.
func FromLayers(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	return must(mutate.AppendLayers(New(t, Spec{}), layers...))(t)
}

func (s Spec) layer(t testing.TB, l Layer) v1.Layer {
	t.Helper()
	return s.pack(t, l.Tar(t))
}

func (s Spec) pack(t testing.TB, raw []byte) v1.Layer {
	t.Helper()
	if s.Compression == Plain {
		kind := types.OCIUncompressedLayer
		if s.Docker {
			kind = types.DockerUncompressedLayer
		}
		return static.NewLayer(raw, kind)
	}
	kind, packed := types.OCILayer, Gzipped(t, raw)
	switch {
	case s.Compression == Zstd:
		kind, packed = types.OCILayerZStd, Zstandard(t, raw)
	case s.Docker:
		kind = types.DockerLayer
	}
	return layerOf(t, packed, kind)
}

// PackedLayer is a layer of OCI's types whose tar stream is packed already.
func PackedLayer(t testing.TB, packed []byte) v1.Layer {
	t.Helper()
	return layerOf(t, packed, types.OCILayerZStd)
}

func layerOf(t testing.TB, packed []byte, kind types.MediaType) v1.Layer {
	t.Helper()
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil }
	return must(tarball.LayerFromOpener(open, tarball.WithMediaType(kind)))(t)
}

func (s Spec) history(i int) v1.History {
	h := v1.History{Created: v1.Time{Time: Time}, EmptyLayer: i >= len(s.Layers)}
	if i < len(s.History) {
		h.CreatedBy = s.History[i]
	}
	return h
}

func (s Spec) platform(t testing.TB) v1.Platform {
	t.Helper()
	if s.Platform == "" {
		return v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	return *must(v1.ParsePlatform(s.Platform))(t)
}

// Gzipped is data packed with gzip.
func Gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Zstandard is data packed with zstd.
func Zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w := must(zstd.NewWriter(nil))(t)
	defer w.Close()
	return w.EncodeAll(data, nil)
}

// must is for values that a test cannot do without.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
