package image_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// daemon speaks as much of Docker's API as saving an image takes, over a socket.
type daemon struct {
	host   string // as in DOCKER_HOST
	pulled []string
	saves  atomic.Int32
	auth   []string // credentials that came with what was pulled
	images map[string]saved
}

// saved is an image of the daemon.
type saved struct {
	id, platform string
	archive      []byte
	layers       []string // diff IDs that it tells of
	breaks       bool     // the daemon dies while it sends the archive
	stalls       bool     // it falls silent instead of ending it
}

func newDaemon(t *testing.T, images map[string]saved) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &daemon{host: "unix://" + dir + "/s", images: images}
	socket, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(d)
	server.Listener.Close()
	server.Listener = socket
	server.Start()
	t.Cleanup(server.Close)
	return d
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	_, path, _ := strings.Cut(req.URL.Path, "/v1.41/")
	name, inspect := strings.CutSuffix(strings.TrimPrefix(path, "images/"), "/json")
	switch {
	case req.URL.Path == "/_ping":
	case path == "images/get":
		for _, img := range d.images {
			if img.id == req.URL.Query().Get("names") {
				d.saves.Add(1)
				w.Write(img.archive)
				if img.stalls {
					w.(http.Flusher).Flush()
					<-req.Context().Done()
				}
				if img.breaks {
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
			}
		}
	case path == "images/create":
		d.pulled = append(d.pulled, req.URL.Query().Get("fromImage"))
		d.auth = append(d.auth, req.Header.Get("X-Registry-Auth"))
		w.Write([]byte(`{"errorDetail":{"message":"manifest unknown"}}`))
	case inspect && d.images[name].id != "":
		os, arch, _ := strings.Cut(d.images[name].platform, "/")
		json.NewEncoder(w).Encode(map[string]any{
			"Id": d.images[name].id, "Os": os, "Architecture": arch,
			"RootFS":   map[string]any{"Type": "layers", "Layers": d.images[name].layers},
			"RepoTags": []string{name}, "RepoDigests": []string{"example.test/app@sha256:" + strings.Repeat("1", 64)},
		})
	default:
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"message":"no such image"}`))
	}
}

// oneImage is what a daemon with one image holds.
func oneImage(t *testing.T) (map[string]saved, v1.Image) {
	t.Helper()
	img := imagetest.New(t, spec())
	id, _ := img.ConfigName()
	data, err := os.ReadFile(imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]saved{"app:1": {id: id.String(), platform: "linux/amd64", archive: data}}, img
}

// dockerConfig writes the configuration of a Docker whose current context leads
// to host.
func dockerConfig(t *testing.T, name, host string) string {
	t.Helper()
	dir := configDir(t, fmt.Sprintf(`{"currentContext":%q}`, name))
	meta := filepath.Join(dir, "contexts", "meta", fmt.Sprintf("%x", sha256.Sum256([]byte(name))))
	if err := os.MkdirAll(meta, 0o700); err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf(`{"Name":%q,"Metadata":{"Description":"a test's"},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host)
	if err := os.WriteFile(filepath.Join(meta, "meta.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDockerEndpoint(t *testing.T) {
	images, img := oneImage(t)
	d := newDaemon(t, images)
	config := dockerConfig(t, "far away", d.host)
	nowhere := "unix:///nowhere/docker.sock"
	for name, o := range map[string]image.Docker{
		"host":                       {Host: d.host},
		"host wins over a context":   {Host: d.host, Context: "another"},
		"context":                    {Context: "far away", ConfigDir: config},
		"current context":            {ConfigDir: config},
		"context wins over current":  {Context: "far away", ConfigDir: config},
		"host wins over the current": {Host: d.host, ConfigDir: dockerConfig(t, "elsewhere", nowhere)},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "docker", "app:1")
			req.Options.Docker = o
			got := open(t, req)
			conforms(t, got, img, "docker", false)
			same(t, "tags", got.Tags, []string{"docker.io/app:1"})
			same(t, "repository digests", got.RepoDigests, []string{"example.test/app@sha256:" + strings.Repeat("1", 64)})
		})
	}
	for name, c := range map[string]struct {
		o    image.Docker
		kind fault.Kind
		says string
	}{
		"not running":         {image.Docker{Host: nowhere}, fault.Unavailable, nowhere},
		"context not running": {image.Docker{ConfigDir: dockerConfig(t, "elsewhere", nowhere)}, fault.Unavailable, nowhere},
		"no such context":     {image.Docker{Context: "none", ConfigDir: config}, fault.Invalid, "none"},
		"no configuration":    {image.Docker{Context: "none"}, fault.Invalid, "none"},
		"no certificates":     {image.Docker{Host: "tcp://127.0.0.1:1", CertPath: "/nowhere", TLSVerify: true}, fault.Invalid, "certificates"},
		"no host":             {image.Docker{Host: "docker"}, fault.Invalid, "docker"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "docker", "app:1")
			req.Options.Docker = c.o
			err := refuse(t, req)
			same(t, "kind", fault.Of(err), c.kind)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

func TestDaemonWithoutTheImage(t *testing.T) {
	images, _ := oneImage(t)
	d := newDaemon(t, images)
	for ref, c := range map[string]struct {
		platform string
		kind     fault.Kind
		says     string
	}{
		"app:1":  {"linux/arm64", fault.Invalid, "not for linux/arm64 but for linux/amd64"},
		"none:1": {"", fault.NotFound, "cannot pull it"},
	} {
		t.Run(ref, func(t *testing.T) {
			req := request(t, "docker", ref)
			req.Platform = c.platform
			req.Options.Docker.Host = d.host
			err := refuse(t, req)
			same(t, "kind", fault.Of(err), c.kind)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
	same(t, "pulled", d.pulled, []string{"docker.io/library/none"})
}

func TestCredentialsGoToADaemonOnlyInPrivate(t *testing.T) {
	d := newDaemon(t, nil)
	inTheOpen := httptest.NewServer(d)
	defer inTheOpen.Close()
	for _, host := range []string{d.host, "tcp://" + inTheOpen.Listener.Addr().String()} {
		req := request(t, "docker", "example.test/app:1")
		req.Options.Docker.Host = host
		req.Options.Registry.Credentials = given("example.test", "alice", "correct-horse")
		same(t, "kind", fault.Of(refuse(t, req)), fault.NotFound)
	}
	same(t, "pulled", len(d.auth), 2)
	decoded, err := base64.URLEncoding.DecodeString(d.auth[0])
	if err != nil || !strings.Contains(string(decoded), "correct-horse") {
		t.Errorf("over the socket came %q: %v", decoded, err)
	}
	same(t, "over the network in the open", d.auth[1], "")
}

func TestPodmanEndpoint(t *testing.T) {
	images, img := oneImage(t)
	d := newDaemon(t, images)
	socket := strings.TrimPrefix(d.host, "unix://")
	runtime := t.TempDir()
	if err := os.Mkdir(filepath.Join(runtime, "podman"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(socket, filepath.Join(runtime, "podman", "podman.sock")); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]image.Podman{
		"host": {Host: d.host}, "runtime folder": {RuntimeDir: runtime}, "host wins": {Host: d.host, RuntimeDir: "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "podman", "app:1")
			req.Options.Podman = o
			conforms(t, open(t, req), img, "podman", false)
		})
	}
	req := request(t, "podman", "app:1")
	req.Options.Podman = image.Podman{Host: "unix:///nowhere/podman.sock"}
	same(t, "not running", fault.Of(refuse(t, req)), fault.Unavailable)
}
