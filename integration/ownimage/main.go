// Command ownimage packs a program into an OCI image layout, as a small image
// that needs no network and no daemon to be made.
//
//	go run ./integration/ownimage -program bin/tidepole -o DIR
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	program := flag.String("program", "bin/tidepole", "the program to pack")
	dir := flag.String("o", "", "the folder to write the layout to")
	flag.Parse()
	if err := run(*program, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "ownimage:", err)
		os.Exit(1)
	}
}

func run(program, dir string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return pack(data) }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return err
	}
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer:   layer,
		History: v1.History{CreatedBy: "COPY tidepole /usr/local/bin/tidepole"},
	})
	if err != nil {
		return err
	}
	img, err = mutate.ConfigFile(img, configOf(img))
	if err != nil {
		return err
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return l.AppendImage(img)
}

func configOf(img v1.Image) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil {
		c = &v1.ConfigFile{}
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	c.Config.User = "65534"
	c.Config.Entrypoint = []string{"/usr/local/bin/tidepole"}
	c.Config.ExposedPorts = map[string]struct{}{"8228/tcp": {}}
	return c
}

func pack(program []byte) (io.ReadCloser, error) {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")},
		{"usr/local/bin/tidepole", 0o755, program},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: time.Unix(0, 0)}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.data); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&b), t.Close()
}
