package image_test

import (
	"os"
	"path/filepath"
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
		"path and name":  {"app", func(o *image.Registry) { o.CAs = []image.CA{{Authority: "docker.io", File: "/nowhere/ca.pem"}} }, []string{"oci-dir", "docker", "podman", "containerd", "registry"}, fault.Invalid},
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

// What looks like an archive or a layout is meant where it lies, even if it could
// be an image's name, and the error is about it alone. Anything else of that name
// is not in the way of the image.
func TestArchiveIsNotTakenForAName(t *testing.T) {
	img := imagetest.New(t, spec())
	docker := func() string { return imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}) }
	oci := func() string { return imagetest.OCIArchive(t, "", items(img)) }
	noIndex := imagetest.OCIDir(t, items(img))
	if err := os.Remove(filepath.Join(noIndex, "index.json")); err != nil {
		t.Fatal(err)
	}
	damaged := "damaged or cut off"
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		from, as string // what lies there, and what it is called
		ref      string // "" is the same
		says     string // "": it is looked for as an image's name
		hint     string
	}{
		"cut off, by its name":         {truncated(t, docker(), 0.4), "app.tar", "", damaged, "copy it again"},
		"cut off, in a folder":         {truncated(t, docker(), 0.4), "dir/app.tar", "", damaged, "copy it again"},
		"cut off, by its content":      {truncated(t, docker(), 0.4), "app", "", damaged, "copy it again"},
		"cut off OCI archive":          {truncated(t, oci(), 0.5), "app.tar", "", damaged, "copy it again"},
		"packed and cut off":           {truncated(t, packed(t, docker()), 0.5), "app", "", "cut off", "--from registry"},
		"empty":                        {truncated(t, text(t), 0), "app.tar", "", "the file is empty", "--from registry"},
		"text, called an archive":      {text(t), "app.tar.gz", "", "not a tar file", "--from registry"},
		"xz":                           {file(t, "\xfd7zXZ\x00 and so on"), "app", "", "xz", "--from registry"},
		"of neither kind":              {archive(t, entry{name: "a", content: "b"}), "app.tar", "", "no manifest.json; and it is not an OCI image layout", "--from registry"},
		"OCI archive without an index": {archive(t, entry{name: "oci-layout", content: "{}"}), "app.tar", "", "no index.json", "--from registry"},
		"no image of that name":        {docker(), "app.tar", "app.tar:2", `no image "2"`, "--from registry"},
		"damaged layout":               {noIndex, "app", "", "no index.json", "--from registry"},
		"not to be taken for a name":   {text(t), "app", "./app", "not a tar file", ""},
		"text":                         {text(t), "app", "", "", ""},
		"text and a tag":               {text(t), "app", "app:1", "", ""},
		"a folder":                     {t.TempDir(), "app", "", "", ""},
		"a folder and a tag":           {t.TempDir(), "app", "app:1", "", ""},
		"a pipe":                       {pipe(t), "app", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.MkdirAll(filepath.Dir(c.as), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(c.from, c.as); err != nil {
				t.Fatal(err)
			}
			ref := c.ref
			if ref == "" {
				ref = c.as
			}
			req := anywhere(t, ref)
			req.Options.Registry.CAs = []image.CA{{Authority: "docker.io", File: "/nowhere/ca.pem"}} // nobody is asked
			err := refuse(t, req)
			if asked := strings.Contains(err.Error(), "registry"); asked != (c.says == "") {
				t.Errorf("looked for as a name: %t: %v", asked, err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "open "+ref+": ") || c.says != "" && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q does not say %q alone", err, c.says)
			}
			if hint := fault.Hint(err); !strings.Contains(hint, c.hint) {
				t.Errorf("the hint is %q", hint)
			}
		})
	}
}
