package image_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// spec is an image with a bit of everything in its layers.
func spec() imagetest.Spec {
	return imagetest.Spec{
		Layers: []imagetest.Layer{
			{"etc": {Dir: true}, "etc/passwd": {Content: "root:x:0:0::/root:/bin/sh\n"}, "bin/su": {Content: "\x7fELF", Mode: 0o4755}},
			{"bin/sh": {Link: "su"}, "srv/big": {Content: string(bytes.Repeat([]byte("abc\n"), 100_000)), UID: 7}, "srv/same": {Hard: "srv/big"}},
			{"srv/.wh.big": {}},
		},
		Config:  v1.Config{User: "nobody", Env: []string{"PATH=/bin"}},
		History: []string{"ADD rootfs /", "COPY big /srv/", "RUN rm /srv/big", "USER nobody"},
	}
}

// items is a layout's only content, without a name.
func items(item mutate.Appendable) map[string]mutate.Appendable {
	return map[string]mutate.Appendable{"": item}
}

// request opens a reference and spills, if at all, into a folder of the test's.
func request(t testing.TB, source, ref string) image.Request {
	return image.Request{Source: source, Reference: ref, Options: image.Options{TempDir: t.TempDir()}}
}

// open opens an image that is closed with the test, and then checks that nothing
// is left behind.
func open(t testing.TB, req image.Request) *image.Image {
	t.Helper()
	img, err := image.Open(t.Context(), req)
	if err != nil {
		t.Fatalf("open: %v (hint: %s)", err, fault.Hint(err))
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		nothingLeft(t, req)
	})
	return img
}

// refuse opens an image in vain and gives the error.
func refuse(t testing.TB, req image.Request) error {
	t.Helper()
	img, err := image.Open(t.Context(), req)
	if err == nil {
		img.Close()
		t.Fatal("it was opened")
	}
	nothingLeft(t, req)
	return err
}

func nothingLeft(t testing.TB, req image.Request) {
	t.Helper()
	for _, entry := range entries(t, req) {
		t.Errorf("left behind: %s", entry.Name())
	}
}

// entries are what a request spilled.
func entries(t testing.TB, req image.Request) []os.DirEntry {
	t.Helper()
	left, err := os.ReadDir(req.Options.TempDir)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// contents are all layers, unpacked.
func contents(t testing.TB, img v1.Image) [][]byte {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// configOf is an image's configuration.
func configOf(t testing.TB, img *image.Image) *v1.ConfigFile {
	t.Helper()
	config, err := v1.ParseConfigFile(bytes.NewReader(img.Config))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSourcesAreInTheDocumentedOrder(t *testing.T) {
	var names []string
	for _, s := range image.Sources() {
		names = append(names, s.Name)
		if s.Help == "" {
			t.Errorf("%s has no help", s.Name)
		}
	}
	same(t, "sources", names, []string{"docker-archive", "oci-archive", "oci-dir", "docker", "podman", "containerd", "registry"})
}

func TestCancelledContextEndsReadingAndRemovesWhatWasSpilled(t *testing.T) {
	path := imagetest.DockerArchive(t, map[string]v1.Image{"app:1": imagetest.New(t, spec())})
	req := request(t, "docker-archive", packed(t, path))
	ctx, cancel := context.WithCancel(t.Context())
	img, err := image.Open(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	err = img.Read(ctx, image.Reading{Layer: func(_ context.Context, l image.Stream) error {
		cancel()
		_, err := io.Copy(io.Discard, l)
		return err
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	for left := entries(t, req); len(left) > 0; left = entries(t, req) {
		if t.Context().Err() != nil { // the test's own deadline
			t.Fatalf("left behind without Close: %v", left)
		}
		runtime.Gosched()
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
}

// packed is a file beside path, packed with gzip.
func packed(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".gz", buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path + ".gz"
}
