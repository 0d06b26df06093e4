package image_test

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// Whatever is wrong, the error is a fault of that kind that says so, and nothing
// is left behind.
func TestBadInput(t *testing.T) {
	img := imagetest.New(t, spec())
	docker := func() string { return imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}) }
	oci := func() string { return imagetest.OCIArchive(t, "", items(img)) }
	for _, c := range []struct {
		name, source string
		path         string
		set          func(*image.Request)
		kind         fault.Kind
		says         string
	}{
		{"no reference", "docker-archive", "", nil, fault.Invalid, "no reference"},
		{"no such source", "floppy", "app:1", nil, fault.Invalid, "floppy"},
		{"no such file", "docker-archive", "/nowhere/app.tar", nil, fault.NotFound, "no file"},
		{"no such OCI file", "oci-archive", "/nowhere/app.tar", nil, fault.NotFound, "no file"},
		{"no such folder", "oci-dir", "/nowhere/app", nil, fault.NotFound, "no folder"},
		{"a file for a folder", "oci-dir", text(t), nil, fault.Invalid, "not a folder"},
		{"a folder for a file", "oci-archive", t.TempDir(), nil, fault.Invalid, "not a regular file"},
		{"a pipe", "docker-archive", pipe(t), nil, fault.Invalid, "not a regular file"},
		{"an empty folder", "oci-dir", t.TempDir(), nil, fault.Unsupported, "not an OCI image layout"},
		{"a text file", "docker-archive", text(t), nil, fault.Unsupported, "not a tar file"},
		{"a text file as OCI", "oci-archive", text(t), nil, fault.Unsupported, "not a tar file"},
		{"an empty file", "docker-archive", truncated(t, text(t), 0), nil, fault.Unsupported, "the file is empty"},
		{"another tar file", "docker-archive", archive(t, entry{name: "a", content: "b"}), nil, fault.Unsupported, "docker save"},
		{"cut off", "docker-archive", truncated(t, docker(), 0.4), nil, fault.Unsupported, "cut off"},
		{"OCI cut off", "oci-archive", truncated(t, oci(), 0.5), nil, fault.Unsupported, "cut off"},
		{"packed and cut off", "docker-archive", truncated(t, packed(t, docker()), 0.5), nil, fault.Unsupported, "cut off"},
		{"xz", "docker-archive", file(t, "\xfd7zXZ\x00 and so on"), nil, fault.Unsupported, "xz"},
		{"an OCI archive as Docker's", "docker-archive", oci(), nil, fault.Unsupported, "docker save"},
		{"Docker's archive as OCI", "oci-archive", docker(), nil, fault.Unsupported, "oci-layout"},
		{"wrong platform", "docker-archive", docker(), on("linux/s390x"), fault.Invalid, "linux/amd64"},
		{"wrong platform of two", "oci-dir", imagetest.OCIDir(t, items(twoPlatforms(t))), on("windows/amd64"), fault.Invalid, "linux/amd64, linux/arm64"},
		{"no platform", "oci-archive", oci(), on("linux"), fault.Invalid, `"linux" is not a platform`},
		{"traversal", "docker-archive", archive(t, entry{name: "../../etc/passwd", content: "x"}), nil, fault.Unsupported, "outside"},
		{"absolute path", "oci-archive", archive(t, entry{name: "/etc/passwd", content: "x"}), nil, fault.Unsupported, "outside"},
		{"link out", "oci-archive", archive(t, entry{name: "blobs", link: "../..", kind: tar.TypeSymlink}), nil, fault.Unsupported, "outside"},
		{"device", "oci-archive", archive(t, entry{name: "tty", kind: tar.TypeChar}), nil, fault.Unsupported, "neither file"},
		{"link to itself", "docker-archive", archive(t, entry{name: "manifest.json", link: "manifest.json", kind: tar.TypeSymlink}), nil, fault.Unsupported, "manifest.json"},
		{"configuration outside", "docker-archive", archive(t, savedAs(t, "../../etc/passwd", nil)), nil, fault.Unsupported, "outside"},
		{"configuration missing", "docker-archive", archive(t, savedAs(t, "a.json", nil)), nil, fault.NotFound, "a.json"},
		{"configuration that lies", "docker-archive", archive(t, savedAs(t, strings.Repeat("0", 64)+".json", nil), entry{name: strings.Repeat("0", 64) + ".json", content: "{}"}), nil, fault.Unsupported, "should have the digest"},
		{"layers missing", "docker-archive", archive(t, savedAs(t, "a.json", nil, "l.tar"), configWith("a.json", 1)), nil, fault.NotFound, "l.tar"},
		{"fewer layers than listed", "docker-archive", archive(t, savedAs(t, "a.json", nil), configWith("a.json", 1)), nil, fault.Unsupported, "lists 0 layers"},
		{"control characters", "docker-archive", archive(t, savedAs(t, "\x1b[31m\n", nil)), nil, fault.NotFound, "lacks"},
		{"a Helm chart", "oci-dir", imagetest.OCIDir(t, items(mutate.ConfigMediaType(img, "application/vnd.cncf.helm.config.v1+json"))), nil, fault.Unsupported, "helm"},
		{"encrypted layers", "oci-dir", imagetest.OCIDir(t, items(encrypted(t))), nil, fault.Unsupported, "encrypted"},
		{"blob missing", "oci-dir", without(t, img), nil, fault.NotFound, "lacks blobs/sha256/"},
		{"too many layers", "docker-archive", docker(), func(r *image.Request) { r.Options.Limits.MaxLayers = 2 }, fault.TooLarge, "limit layers"},
		{"too many layers as OCI", "oci-archive", oci(), func(r *image.Request) { r.Options.Limits.MaxLayers = 2 }, fault.TooLarge, "limit layers"},
		{"too many bytes as stored", "oci-archive", oci(), func(r *image.Request) { r.Options.Limits.MaxStoredBytes = 100 }, fault.TooLarge, "limit compressed image size"},
		{"too many entries", "oci-archive", oci(), func(r *image.Request) { r.Options.Limits.MaxArchived = 3 }, fault.TooLarge, "a bound that is fixed"},
		{"too long a manifest", "oci-archive", oci(), func(r *image.Request) { r.Options.Limits.MaxManifestBytes = 100 }, fault.TooLarge, "100 bytes, a limit that is fixed"},
		{"no such folder to spill in", "docker-archive", packed(t, docker()), func(r *image.Request) { r.Options.TempDir += "/none"; os.Remove(r.Options.TempDir) }, fault.Internal, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, c.source, c.path)
			kept := req
			if c.set != nil {
				c.set(&req)
			}
			img, err := image.Open(t.Context(), req)
			if err == nil {
				img.Close()
				t.Fatal("it was opened")
			}
			nothingLeft(t, kept)
			same(t, "kind", fault.Of(err), c.kind)
			if want, ok := hints[c.name]; ok && !strings.Contains(fault.Hint(err), want) {
				t.Errorf("the hint %q does not name %s", fault.Hint(err), want)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if c.path != "" && c.name != "no platform" && !strings.Contains(err.Error(), c.path) {
				t.Errorf("%q does not say what was opened", err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q holds what a terminal would act on", err)
			}
		})
	}
}

func TestBombIsStopped(t *testing.T) {
	zeros := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"zeros": {Content: string(make([]byte, 8<<20))}}}})
	set := func(r *image.Request) { r.Options.Limits.MaxImageBytes = 1 << 20 }
	t.Run("in a layer", func(t *testing.T) {
		req := request(t, "oci-dir", imagetest.OCIDir(t, items(zeros)))
		set(&req)
		err := failToRead(t, req, image.Reading{})
		same(t, "kind", fault.Of(err), fault.TooLarge)
	})
	t.Run("in a packed layer of a Docker archive", func(t *testing.T) {
		req := request(t, "docker-archive", imagetest.DockerArchive(t, map[string]v1.Image{"app:1": zeros}))
		set(&req)
		same(t, "kind", fault.Of(failToRead(t, req, image.Reading{})), fault.TooLarge)
	})
	t.Run("in a packed archive", func(t *testing.T) {
		req := request(t, "oci-archive", packed(t, archive(t, entry{name: "zeros", content: string(make([]byte, 66<<20))})))
		set(&req)
		same(t, "kind", fault.Of(refuse(t, req)), fault.TooLarge)
	})
	t.Run("in all layers together", func(t *testing.T) {
		half := imagetest.Layer{"half": {Content: string(make([]byte, 600<<10))}}
		two := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{half, {"other": half["half"]}}})
		req := request(t, "oci-dir", imagetest.OCIDir(t, items(two)))
		set(&req)
		err := failToRead(t, req, image.Reading{})
		same(t, "kind", fault.Of(err), fault.TooLarge)
	})
}

func on(platform string) func(*image.Request) {
	return func(r *image.Request) { r.Platform = platform }
}

func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(t testing.TB) string { return file(t, strings.Repeat("This is not an image.\n", 100)) }

// truncated cuts a file off.
func truncated(t testing.TB, path string, share float64) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(float64(info.Size())*share)); err != nil {
		t.Fatal(err)
	}
	return path
}

func pipe(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// configWith is a configuration that lists layers.
func configWith(name string, layers int) entry {
	diffIDs := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", "sha256:"+strings.Repeat("0", 64)), layers), ",")
	return entry{name: name, content: `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[` + diffIDs + `]}}`}
}

func encrypted(t testing.TB) v1.Image {
	t.Helper()
	base := imagetest.New(t, imagetest.Spec{})
	layer, _ := imagetest.New(t, spec()).Layers()
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer[0], MediaType: types.OCILayer + "+encrypted"})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// without is a layout that lacks its image's configuration.
func without(t testing.TB, img v1.Image) string {
	t.Helper()
	dir := imagetest.OCIDir(t, items(img))
	id, _ := img.ConfigName()
	if err := os.Remove(filepath.Join(dir, "blobs", "sha256", id.Hex)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// hints are what hints name, by the case of bad input: another source, or the
// flag that raises a limit.
var hints = map[string]string{
	"an OCI archive as Docker's": "oci-archive:PATH",
	"Docker's archive as OCI":    "docker-archive:PATH",
	"too many layers":            "--max-layers",
	"too many layers as OCI":     "--max-layers",
}
