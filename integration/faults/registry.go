package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// registry is a registry in this process that may answer with errors.
type registry struct {
	host   string
	ill    atomic.Bool
	server *httptest.Server
}

func openRegistry() (*registry, error) {
	r := &registry{}
	next := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.ill.Load() {
			http.Error(w, `{"errors":[{"code":"UNKNOWN"}]}`, http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, req)
	}))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.host = strings.TrimPrefix(r.server.URL, "http://")
	return r, nil
}

func (r *registry) close() { r.server.Close() }

// image is an image of the run, and what is known of its record.
type image struct {
	busy     sync.Mutex // one request at a time
	name     string     // by way of the proxy
	digest   string
	evidence string // file that the command line made; "" where it made none
	broken   bool   // it cannot be analysed

	there  bool      // as the last answer said
	unsure bool      // a request had no answer: it may be done still, even after later ones
	seen   time.Time // when the last transition was that is counted
}

// stock makes the images and puts them into the registry. The last cannot be
// analysed, and the first third have evidence to be imported.
func (w *World) stock(ctx context.Context) error {
	for n := range w.Images {
		i := &image{broken: n == w.Images-1, name: fmt.Sprintf("%s/faults/image-%d:1", w.pulls.address(), n)}
		made, err := makeImage(n, i.broken)
		if err != nil {
			return err
		}
		tag, err := name.NewTag(fmt.Sprintf("%s/faults/image-%d:1", w.shop.host, n))
		if err == nil {
			err = remote.Write(tag, made, remote.WithContext(ctx))
		}
		if err != nil {
			return fmt.Errorf("push %s: %w", i.name, err)
		}
		digest, err := made.Digest()
		if err != nil {
			return err
		}
		i.digest = digest.String()
		if n < w.Images/3 {
			i.evidence = filepath.Join(w.Dir, fmt.Sprintf("evidence-%d", n))
			temp := filepath.Join(w.Dir, "client-temp")
			if err := os.MkdirAll(temp, 0o700); err != nil {
				return err
			}
			cmd := exec.CommandContext(ctx, w.Program, "image", "analyze", i.name, "--from", "registry", "-o", i.evidence)
			cmd.Env = w.environment(temp)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
			}
		}
		w.images = append(w.images, i)
	}
	return nil
}

const status = `Package: openssl
Status: install ok installed
Version: 1.1.%d-1
Architecture: amd64
Maintainer: nobody

`

// makeImage is a small image with a few packages, other than those of other numbers.
func makeImage(n int, broken bool) (v1.Image, error) {
	var buffer bytes.Buffer
	out := tar.NewWriter(&buffer)
	for path, text := range map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=12\nNAME=Debian\n",
		"var/lib/dpkg/status": fmt.Sprintf(status, n),
		"srv/own":             strings.Repeat(fmt.Sprintf("file of image %d\n", n), 2000),
		"srv/lib/node_modules/lodash/package.json": `{"name":"lodash","version":"4.17.20"}`,
	} {
		if err := out.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := out.Write([]byte(text)); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	if broken {
		layer = static.NewLayer([]byte("this is no archive"), types.DockerLayer)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	return mutate.ConfigFile(image, file)
}
