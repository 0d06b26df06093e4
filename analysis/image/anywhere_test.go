package image_test

import (
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// anywhere is a request that names no source, on a machine without daemons.
func anywhere(t *testing.T, ref string) image.Request {
	req := request(t, "", ref)
	req.Options.Docker.Host = "unix:///nowhere/docker.sock"
	req.Options.Podman.Host = "unix:///nowhere/podman.sock"
	req.Options.Containerd.Address = "/nowhere/containerd.sock"
	return req
}

func TestPathIsTriedFirst(t *testing.T) {
	img := imagetest.New(t, spec())
	for want, ref := range map[string]string{
		"docker-archive": imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}),
		"oci-archive":    imagetest.OCIArchive(t, "./", items(img)),
		"oci-dir":        imagetest.OCIDir(t, items(img)),
	} {
		same(t, ref, open(t, anywhere(t, ref)).Source, want)
	}
}

func TestDaemonIsTriedBeforeTheRegistryAndDoesNotPull(t *testing.T) {
	images, _ := oneImage(t)
	r, _ := plain(t, imagetest.RegistryOptions{})
	r.Push(t, "app:2", imagetest.New(t, spec()))
	images[r.Host+"/app:1"] = images["app:1"]
	d := newDaemon(t, images)
	for tag, source := range map[string]string{"1": "docker", "2": "registry"} {
		req := anywhere(t, r.Host+"/app:"+tag)
		req.Options.Docker.Host = d.host
		req.Options.Registry.PlainHTTP = []string{r.Host}
		same(t, "tag "+tag, open(t, req).Source, source)
	}
	same(t, "pulled", len(d.pulled), 0)
}

func TestErrorNamesEverySourceTried(t *testing.T) {
	r, _ := plain(t, imagetest.RegistryOptions{})
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("app", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ref   string
		set   func(*image.Registry)
		tried []string
		kind  fault.Kind
	}{
		"name":           {r.Host + "/app:1", func(o *image.Registry) { o.PlainHTTP = []string{r.Host} }, []string{"docker", "podman", "containerd", "registry"}, fault.NotFound},
		"plain http":     {r.Host + "/app:1", func(*image.Registry) {}, []string{"docker", "podman", "containerd", "registry"}, fault.Invalid},
		"path":           {text(t), func(*image.Registry) {}, []string{"docker-archive", "oci-archive"}, fault.Unsupported},
		"path and name":  {"app", func(o *image.Registry) { o.CAFiles = []string{"/nowhere/ca.pem"} }, []string{"oci-dir", "docker", "podman", "containerd", "registry"}, fault.Invalid},
		"nothing at all": {"./no where", func(*image.Registry) {}, nil, fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			req := anywhere(t, c.ref)
			c.set(&req.Options.Registry)
			err := refuse(t, req)
			same(t, "kind", fault.Of(err), c.kind)
			var tried []string
			for _, line := range strings.Split(err.Error(), "\n")[1:] {
				source, why, _ := strings.Cut(strings.TrimSpace(line), ": ")
				tried = append(tried, source)
				if why == "" || strings.Contains(why, "open "+c.ref) {
					t.Errorf("%s: %q", source, why)
				}
			}
			same(t, "sources tried", tried, c.tried)
		})
	}
}
