package imagetest

import (
	"crypto/subtle"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a registry in the test's process.
type Registry struct {
	Host   string // its authority, as in "127.0.0.1:40123"
	CAFile string // PEM file of its certificate; "" where it speaks plain http

	client   http.RoundTripper
	auth     authn.Authenticator
	requests atomic.Int64
}

// RegistryOptions is how a registry behaves.
type RegistryOptions struct {
	TLS      bool
	Username string // asked for with basic authentication where it is not ""
	Password string
	Wrap     func(http.Handler) http.Handler // put before the registry, to make it misbehave; may be nil
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB, o RegistryOptions) *Registry {
	t.Helper()
	r := &Registry{auth: authn.Anonymous}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	if o.Username != "" {
		handler = signedIn(handler, o.Username, o.Password)
		r.auth = &authn.Basic{Username: o.Username, Password: o.Password}
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		handler.ServeHTTP(w, req)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if o.TLS {
		server.StartTLS()
		r.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
		if err := os.WriteFile(r.CAFile, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	r.Host = must(url.Parse(server.URL))(t).Host
	r.client = server.Client().Transport
	return r
}

// Push puts an image or an index into the registry under "repository:tag" and
// gives its digest.
func (r *Registry) Push(t testing.TB, to string, item mutate.Appendable) string {
	t.Helper()
	tag := must(name.NewTag(r.Host + "/" + to))(t)
	opts := []remote.Option{remote.WithTransport(r.client), remote.WithAuth(r.auth)}
	var err error
	switch item := item.(type) {
	case v1.Image:
		err = remote.Write(tag, item, opts...)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, item, opts...)
	default:
		t.Fatalf("%T is neither image nor index", item)
	}
	if err != nil {
		t.Fatal(err)
	}
	return must(item.Digest())(t).String()
}

// Requests is how many requests came in so far, those of Push included.
func (r *Registry) Requests() int { return int(r.requests.Load()) }

// signedIn asks for basic authentication before handler.
func signedIn(handler http.Handler, username, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, pass, _ := req.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(user+"\x00"+pass), []byte(username+"\x00"+password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, req)
	})
}
