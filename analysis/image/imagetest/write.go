package imagetest

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// DockerArchive writes images by tag in the form of "docker save" and gives the
// file's path.
func DockerArchive(t testing.TB, images map[string]v1.Image) string {
	t.Helper()
	tags := map[name.Tag]v1.Image{}
	for tag, img := range images {
		tags[must(name.NewTag(tag))(t)] = img
	}
	path := filepath.Join(t.TempDir(), "docker.tar")
	if err := tarball.MultiWriteToFile(path, tags); err != nil {
		t.Fatal(err)
	}
	return path
}

// OCIDir writes images or indexes as an OCI layout and gives the folder's path.
// The keys are the names they have in it; "" is none.
func OCIDir(t testing.TB, items map[string]mutate.Appendable) string {
	t.Helper()
	dir := t.TempDir()
	path := must(layout.Write(dir, empty.Index))(t)
	for name, item := range items {
		var opts []layout.Option
		if name != "" {
			opts = append(opts, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": name}))
		}
		var err error
		switch item := item.(type) {
		case v1.Image:
			err = path.AppendImage(item, opts...)
		case v1.ImageIndex:
			err = path.AppendIndex(item, opts...)
		default:
			t.Fatalf("%T is neither image nor index", item)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// OCIArchive writes what OCIDir writes into a tar file and gives its path. Its
// entries start with prefix, as "./" is where "tar -C dir -c ." made the file.
func OCIArchive(t testing.TB, prefix string, items map[string]mutate.Appendable) string {
	t.Helper()
	return Archive(t, prefix, OCIDir(t, items))
}

// Archive puts a folder's files into a tar file and gives its path.
func Archive(t testing.TB, prefix, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.tar")
	out := must(os.Create(path))(t)
	defer out.Close()
	w := tar.NewWriter(out)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == "." && prefix == "" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		h.Name = prefix + name
		if name == "." {
			h.Name = prefix
		} else if d.IsDir() {
			h.Name += "/"
		}
		if err := w.WriteHeader(h); err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
