package image_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// tokens is a token server, and what it was told.
type tokens struct {
	realm string
	mu    sync.Mutex
	heard []string
}

// newTokens starts one whose name is not its registry's. What it is sent to
// /moved it has sent on to where that leads.
func newTokens(t *testing.T, to string) *tokens {
	s := &tokens{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = req.ParseForm()
		if user, password, ok := req.BasicAuth(); ok {
			s.heard = append(s.heard, user+":"+password)
		}
		if token := req.PostForm.Get("refresh_token"); token != "" {
			s.heard = append(s.heard, token)
		}
		if req.URL.Path == "/moved" {
			http.Redirect(w, req, to, http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, `{"token":"a-token"}`)
	}))
	t.Cleanup(server.Close)
	s.realm = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return s
}

// host is the authority of the token server.
func (s *tokens) host() string { return strings.TrimPrefix(s.realm, "https://") }

// askingAt is a registry that sends to a token server.
func askingAt(t *testing.T, tls bool, realm *string) *imagetest.Registry {
	return imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: tls, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if *realm != "" && req.Header.Get("Authorization") != "Bearer a-token" {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, *realm))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, req)
		})
	}})
}

// Docker Hub's token server is another host than Docker Hub. Over TLS it is for the
// registry to name it.
func TestTokenServerOfAnotherName(t *testing.T) {
	s := newTokens(t, "")
	realm := ""
	r := askingAt(t, true, &realm)
	r.Push(t, "app:1", imagetest.New(t, spec()))
	realm = s.realm
	req := request(t, "registry", r.Host+"/app:1")
	req.Options.Registry = image.Registry{CAs: trusted(r), SkipVerify: []string{s.host()}, Credentials: given(r.Host, "alice", "correct-horse")}
	open(t, req)
	same(t, "heard", s.heard, []string{"alice:correct-horse"})
}

func TestPlainHTTPNamesNoOtherHostForCredentials(t *testing.T) {
	s := newTokens(t, "")
	realm := ""
	r := askingAt(t, false, &realm)
	r.Push(t, "app:1", imagetest.New(t, spec()))
	realm = s.realm
	for name, c := range map[string]struct {
		set  func(*image.Registry)
		kind fault.Kind // Internal: it is opened
	}{
		"a password":        {func(o *image.Registry) { o.Credentials = given(r.Host, "alice", "correct-horse") }, fault.Forbidden},
		"an identity token": {func(o *image.Registry) { o.DockerConfigDir = identity(t, r.Host) }, fault.Forbidden},
		"nothing":           {func(*image.Registry) {}, fault.Internal},
		"a password, to a server that is trusted as much": {func(o *image.Registry) {
			o.Credentials, o.PlainHTTP = given(r.Host, "alice", "correct-horse"), append(o.PlainHTTP, s.host())
		}, fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "registry", r.Host+"/app:1")
			req.Options.Registry = image.Registry{PlainHTTP: []string{r.Host}, SkipVerify: []string{s.host()}}
			c.set(&req.Options.Registry)
			if c.kind == fault.Internal {
				open(t, req)
				return
			}
			err := refuse(t, req)
			same(t, "kind", fault.Of(err), c.kind)
			if !strings.Contains(err.Error(), "to "+s.host()) || strings.Contains(err.Error(), "correct-horse") {
				t.Errorf("%v", err)
			}
		})
	}
	same(t, "heard", len(s.heard), 1)
}

// identity is Docker's configuration after "docker login" to a registry that gives
// identity tokens.
func identity(t *testing.T, host string) string {
	return configDir(t, fmt.Sprintf(`{"auths":{%q:{"auth":"PHRva2VuPjo=","identitytoken":"an-identity"}}}`, host))
}

func TestTokenServerSendsNoCredentialsOn(t *testing.T) {
	other := newTokens(t, "")
	s := newTokens(t, other.realm+"/token")
	realm := ""
	r := askingAt(t, true, &realm)
	r.Push(t, "app:1", imagetest.New(t, spec()))
	realm = s.realm + "/moved"
	req := request(t, "registry", r.Host+"/app:1")
	req.Options.Registry = image.Registry{
		CAs: trusted(r), SkipVerify: []string{s.host(), other.host()}, DockerConfigDir: identity(t, r.Host),
	}
	err := refuse(t, req)
	same(t, "kind", fault.Of(err), fault.Forbidden)
	same(t, "heard", s.heard, []string{"an-identity"})
	same(t, "heard by the other", len(other.heard), 0)
	if strings.Contains(err.Error(), "an-identity") {
		t.Errorf("the token is in %q", err)
	}
}

// A registry's own certificates are trusted for it and for where it leads, and for
// no other registry.
func TestCertificatesAreTrustedForTheirRegistry(t *testing.T) {
	img := imagetest.New(t, spec())
	store := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true})
	store.Push(t, "app:1", img)
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:") {
				http.Redirect(w, req, "https://"+store.Host+req.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, req)
		})
	}})
	r.Push(t, "app:1", img) // tests' servers all have the same certificate
	for name, c := range map[string]struct {
		cas []image.CA
		ok  bool
	}{
		"its own":            {trusted(r), true},
		"another's":          {[]image.CA{{Authority: "elsewhere.example", File: r.CAFile}}, false},
		"where it leads":     {trusted(store), false},
		"another's is amiss": {append(trusted(r), image.CA{Authority: "elsewhere.example", File: "/nowhere.pem"}), true},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "registry", r.Host+"/app:1")
			req.Options.Registry.CAs = c.cas
			if c.ok {
				read(t, open(t, req), image.Reading{})
				return
			}
			same(t, "kind", fault.Of(refuse(t, req)), fault.Unavailable)
		})
	}
}
