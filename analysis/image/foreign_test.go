package image_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// withForeign is an image whose first layer no registry keeps: the manifest names
// addresses for it.
func withForeign(t *testing.T, kind types.MediaType, urls ...string) v1.Image {
	t.Helper()
	img := imagetest.New(t, imagetest.Spec{Docker: kind == types.DockerForeignLayer})
	all, err := bigLayer(t).Layers()
	if err != nil {
		t.Fatal(err)
	}
	own, _ := imagetest.New(t, spec()).Layers()
	img, err = mutate.Append(img, mutate.Addendum{Layer: foreign{all[0], kind}, URLs: urls}, mutate.Addendum{Layer: own[0]})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// foreign is a layer that is not pushed.
type foreign struct {
	v1.Layer
	kind types.MediaType
}

func (f foreign) MediaType() (types.MediaType, error) { return f.kind, nil }

// elsewhere is a server that is no registry, and gives a layer's bytes at /layer.
type elsewhere struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // paths
	heard []string // credentials
	data  []byte
	cut   bool // the first answer breaks off
}

func newElsewhere(t *testing.T) *elsewhere {
	e := &elsewhere{}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, req.URL.Path)
	e.heard = append(e.heard, req.Header["Authorization"]...)
	switch {
	case req.URL.Path == "/loop":
		http.Redirect(w, req, "/loop?signature=s3cr3t", http.StatusFound)
	case req.URL.Path == "/moved":
		http.Redirect(w, req, "/layer", http.StatusFound)
	case req.URL.Path == "/inside":
		http.Redirect(w, req, "http://169.254.169.254/latest?signature=s3cr3t", http.StatusFound)
	case req.URL.Path != "/layer":
		w.WriteHeader(http.StatusNotFound)
	case e.cut:
		e.cut = false
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(e.data[:len(e.data)/2])
		panic(http.ErrAbortHandler)
	default:
		_, _ = w.Write(e.data)
	}
}

// serves has the server give the first layer of an image.
func (e *elsewhere) serves(t *testing.T, img v1.Image) {
	t.Helper()
	all, _ := img.Layers()
	r, err := all[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if e.data, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
}

func TestForeignLayersComeFromWhereTheManifestSays(t *testing.T) {
	ends(t)
	for _, kind := range []types.MediaType{types.DockerForeignLayer, types.OCIRestrictedLayer} {
		e := newElsewhere(t)
		img := withForeign(t, kind, e.URL+"/none", e.URL+"/moved")
		e.serves(t, img)
		e.cut = true
		r, ask := plain(t, imagetest.RegistryOptions{Username: "alice", Password: "correct-horse"})
		r.Push(t, "app:1", img)
		req := ask("app:1")
		req.Options.Registry.Credentials = given(r.Host, "alice", "correct-horse")
		same(t, string(kind), read(t, open(t, req), image.Reading{}), byDiffID(t, img))
		same(t, "asked", e.asked, []string{"/none", "/moved", "/layer", "/moved", "/layer"})
		same(t, "credentials", len(e.heard), 0)
	}
}

func TestForeignLayersThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		url   string
		serve bool
		kind  fault.Kind
		says  string
	}{
		"not there":      {"{e}/none", true, fault.NotFound, "/none: "},
		"another layer":  {"{e}/layer", false, fault.Unsupported, "should have the digest"},
		"not on the web": {"file:///etc/passwd", true, fault.NotFound, "only https and http"},
		"link-local":     {"http://169.254.169.254/latest", true, fault.NotFound, "a link-local address"},
		"led there":      {"{e}/inside", true, fault.NotFound, "a link-local address"},
		"in circles":     {"{e}/loop", true, fault.NotFound, "redirects more than 5 times"},
		"with a login":   {"http://alice:correct-horse@{h}/layer", true, fault.NotFound, "it holds credentials"},
		"no address":     {"http://%zz", true, fault.NotFound, "no address"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newElsewhere(t)
			img := withForeign(t, types.DockerForeignLayer,
				strings.NewReplacer("{e}", e.URL, "{h}", strings.TrimPrefix(e.URL, "http://")).Replace(c.url))
			if e.serves(t, img); !c.serve {
				e.data[len(e.data)/2] ^= 1
			}
			r, ask := plain(t, imagetest.RegistryOptions{})
			r.Push(t, "app:1", img)
			err := failToRead(t, ask("app:1"), image.Reading{})
			same(t, "kind", fault.Of(err), c.kind)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "correct-horse") {
				t.Errorf("%v does not say %q, or too much", err, c.says)
			}
		})
	}
}

// A registry that is further away than an address leads nobody there, unless the
// settings name it.
func TestReach(t *testing.T) {
	for addr, want := range map[string]string{
		"registry.example:443": "a public address", "8.8.8.8:443": "a public address", "[2001:4860::1]:443": "a public address",
		"10.1.2.3:80": "a private address", "192.168.0.1": "a private address", "[fd00::1]:80": "a private address",
		"100.64.0.1:80": "a private address", "127.0.0.1:80": "this machine", "[::1]:80": "this machine", "::ffff:127.0.0.1": "this machine",
		"169.254.169.254:80": "a link-local address", "[fe80::1%eth0]:80": "a link-local address", "0.0.0.0:80": "a link-local address",
	} {
		same(t, addr, image.Reach(addr), want)
	}
	e := newElsewhere(t)
	for _, c := range []struct {
		from string
		o    image.Registry
		ok   bool
	}{
		{"registry.example", image.Registry{}, false},
		{"127.0.0.1:5000", image.Registry{}, true},
		{"registry.example", image.Registry{PlainHTTP: []string{"registry.example", strings.TrimPrefix(e.URL, "http://")}}, true},
	} {
		o := c.o
		o.PlainHTTP = append(o.PlainHTTP, c.from)
		err := image.AskAbroad(t.Context(), o, c.from, e.URL+"/layer")
		if (err == nil) != c.ok {
			t.Errorf("from %s: %v", c.from, err)
		}
	}
	same(t, "requests", len(e.asked), 2)
}
