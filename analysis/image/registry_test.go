package image_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// plain is a registry without TLS, and a request that may speak to it.
func plain(t *testing.T, o imagetest.RegistryOptions) (*imagetest.Registry, func(ref string) image.Request) {
	r := imagetest.NewRegistry(t, o)
	return r, func(ref string) image.Request {
		req := request(t, "registry", r.Host+"/"+ref)
		req.Options.Registry.PlainHTTP = []string{r.Host}
		return req
	}
}

// trusted is a registry's own certificate.
func trusted(r *imagetest.Registry) []image.CA {
	return []image.CA{{Authority: r.Host, File: r.CAFile}}
}

// twoPlatforms is an index as BuildKit makes it: with an attestation.
func twoPlatforms(t *testing.T) v1.ImageIndex {
	arm := spec()
	arm.Platform, arm.Config.User = "linux/arm64/v8", "arm"
	return imagetest.Attested(t, imagetest.Index(t, spec(), arm))
}

func TestRegistryByTagAndDigest(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	digest := r.Push(t, "team/app:1", imagetest.New(t, spec()))
	full := r.Host + "/team/app"
	for ref, tags := range map[string][]string{
		"team/app:1":               {full + ":1"},
		"team/app@" + digest:       nil,
		"team/app:other@" + digest: {full + ":other"},
	} {
		got := open(t, ask(ref))
		same(t, ref+": digest", got.Digest, digest)
		same(t, ref+": tags", got.Tags, tags)
		same(t, ref+": repository digests", got.RepoDigests, []string{full + "@" + digest})
	}
}

func TestRegistryChoosesFromAnIndexByPlatform(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	index := twoPlatforms(t)
	parent := r.Push(t, "app:1", index)
	raw, _ := index.RawManifest()
	for platform, user := range map[string]string{"linux/amd64": "nobody", "linux/arm64": "arm", "linux/arm64/v8": "arm"} {
		req := ask("app:1")
		req.Platform = platform
		got := open(t, req)
		same(t, platform, configOf(t, got).Config.User, user)
		same(t, "parent digest", got.ParentDigest, parent)
		same(t, "parent", string(got.ParentManifest), string(raw))
		same(t, "repository digests", got.RepoDigests, []string{r.Host + "/app@" + parent, r.Host + "/app@" + got.Digest})
	}
}

func TestResolveReadsNoLayer(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	want := r.Push(t, "app:1", imagetest.New(t, spec()))
	before := r.Requests()
	got, err := image.Resolve(t.Context(), ask("app:1"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "digest", got.Digest, want)
	if n := r.Requests() - before; n > 4 {
		t.Errorf("%d requests; ping, manifest and configuration are 3 or 4", n)
	}
}

// That a layer is pulled is told before its first byte is there, which may take long.
func TestPullIsToldAtOnce(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	req := ask("app:1")
	var lock sync.Mutex
	begun, first := map[string]bool{}, map[string]int64{}
	req.Options.Progress = func(p image.Progress) {
		lock.Lock()
		defer lock.Unlock()
		if p.Stage == "pull" && !begun[p.Item] {
			begun[p.Item], first[p.Item] = true, p.Done
		}
	}
	layers := read(t, open(t, req), image.Reading{})
	same(t, "layers that were told of", len(first), len(layers))
	for layer, done := range first {
		same(t, "bytes of "+layer+" when it was first told of", done, int64(0))
	}
}

func TestRegistryCredentials(t *testing.T) {
	const user, password = "alice", "correct-horse"
	img := imagetest.New(t, spec())
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Username: user, Password: password})
	r.Push(t, "app:1", img)
	for name, c := range map[string]struct {
		set  func(*image.Registry)
		kind fault.Kind // Internal: it is opened
	}{
		"given for it":      {func(o *image.Registry) { o.Credentials = given(r.Host, user, password) }, fault.Internal},
		"wrong password":    {func(o *image.Registry) { o.Credentials = given(r.Host, user, "wrong") }, fault.Denied},
		"none":              {func(o *image.Registry) {}, fault.Denied},
		"given for another": {func(o *image.Registry) { o.Credentials = given("127.0.0.1", user, password) }, fault.Denied},
		"in Docker's file":  {func(o *image.Registry) { o.DockerConfigDir = configFile(t, r.Host, user, password) }, fault.Internal},
		"by a helper":       {func(o *image.Registry) { o.DockerConfigDir = helper(t, r.Host, user, password) }, fault.Internal},
		"by no helper":      {func(o *image.Registry) { o.DockerConfigDir = missingHelper(t, r.Host) }, fault.Denied},
		"broken file":       {func(o *image.Registry) { o.DockerConfigDir = brokenConfig(t) }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "registry", r.Host+"/app:1")
			req.Options.Registry.CAs = trusted(r)
			c.set(&req.Options.Registry)
			if c.kind == fault.Internal {
				read(t, open(t, req), image.Reading{})
				return
			}
			err := refuse(t, req)
			same(t, "kind", fault.Of(err), c.kind)
			if fault.Hint(err) == "" {
				t.Error("no hint")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func given(host, user, password string) []image.Credential {
	return []image.Credential{{Authority: "elsewhere.test", Username: "x", Password: "y"}, {Authority: host, Username: user, Password: password}}
}

func configDir(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func configFile(t *testing.T, host, user, password string) string {
	return configDir(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}},"credHelpers":{"elsewhere.test":"nowhere"}}`, host, user, password))
}

// helper installs a credential helper that knows one registry.
func helper(t *testing.T, host, user, password string) string {
	t.Helper()
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread server\n[ \"$server\" = %q ] || exit 1\necho '{\"Username\":%q,\"Secret\":%q}'\n", host, user, password)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-tidepoletest"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return configDir(t, fmt.Sprintf(`{"credHelpers":{%q:"tidepoletest"}}`, host))
}

func missingHelper(t *testing.T, host string) string {
	return configDir(t, fmt.Sprintf(`{"credHelpers":{%q:"nowhere"}}`, host))
}

func brokenConfig(t *testing.T) string { return configDir(t, `{"auths":`) }

func TestMissingHelperConcernsOnlyItsRegistry(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	req := ask("app:1")
	req.Options.Registry.DockerConfigDir = missingHelper(t, "elsewhere.test")
	open(t, req)
}

func TestTLS(t *testing.T) {
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	req := request(t, "registry", r.Host+"/app:1")
	err := refuse(t, req)
	same(t, "unknown authority", fault.Of(err), fault.Unavailable)
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%q does not speak of the certificate", err)
	}
	req.Options.Registry.SkipVerify = []string{"elsewhere.test"}
	same(t, "another's certificate unchecked", fault.Of(refuse(t, req)), fault.Unavailable)
	req.Options.Registry.SkipVerify = []string{r.Host}
	open(t, req)
	req.Options.Registry.CAs = []image.CA{{Authority: r.Host, File: filepath.Join(t.TempDir(), "none.pem")}}
	same(t, "no such CA file", fault.Of(refuse(t, req)), fault.Invalid)
}

func TestPlainHTTPOnlyWhereAsked(t *testing.T) {
	r, ask := plain(t, imagetest.RegistryOptions{})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	req := ask("app:1")
	req.Options.Registry.PlainHTTP = []string{"127.0.0.1"}
	before := r.Requests()
	err := refuse(t, req)
	same(t, "kind", fault.Of(err), fault.Invalid)
	if !strings.Contains(fault.Hint(err), r.Host) {
		t.Errorf("the hint %q does not name %s", fault.Hint(err), r.Host)
	}
	same(t, "requests that came in", r.Requests()-before, 0)
}

// That a registry which may be spoken to without TLS breaks off is no more than that,
// whatever was tried before: another attempt may help.
func TestPlainHTTPThatBreaksOff(t *testing.T) {
	_, ask := plain(t, imagetest.RegistryOptions{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}})
	same(t, "kind", fault.Of(refuse(t, ask("app:1"))), fault.Unavailable)
}

func TestCredentialsAreNotSentToWhereARedirectLeads(t *testing.T) {
	img := imagetest.New(t, spec())
	var asked, heard atomic.Int32
	other, _ := plain(t, imagetest.RegistryOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet {
				asked.Add(1)
				if req.Header.Get("Authorization") != "" {
					heard.Add(1)
				}
			}
			next.ServeHTTP(w, req)
		})
	}})
	other.Push(t, "app:1", img)
	r, ask := plain(t, imagetest.RegistryOptions{Username: "alice", Password: "correct-horse", Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:") {
				http.Redirect(w, req, "http://"+other.Host+req.URL.Path+"?X-Signature=s3cr3t", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, req)
		})
	}})
	r.Push(t, "app:1", img)

	req := ask("app:1")
	req.Options.Registry.Credentials = given(r.Host, "alice", "correct-horse")
	err := refuse(t, req) // plain http to the other host was not allowed
	same(t, "kind", fault.Of(err), fault.Forbidden)
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the signature is in %q", err)
	}
	req.Options.Registry.PlainHTTP = append(req.Options.Registry.PlainHTTP, other.Host)
	read(t, open(t, req), image.Reading{})
	if asked.Load() == 0 || heard.Load() != 0 {
		t.Errorf("of %d requests to the other host %d held credentials", asked.Load(), heard.Load())
	}
}

func TestTokenServer(t *testing.T) {
	img := imagetest.New(t, spec())
	var realm, token string
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/token" {
				if user, password, _ := req.BasicAuth(); user == "alice" && password == "correct-horse" {
					fmt.Fprintf(w, `{"token":%q}`, token)
					return
				}
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if realm != "" && req.Header.Get("Authorization") != "Bearer "+token {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, realm))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, req)
		})
	}})
	r.Push(t, "app:1", img)
	req := request(t, "registry", r.Host+"/app:1")
	req.Options.Registry.CAs = trusted(r)
	req.Options.Registry.Credentials = given(r.Host, "alice", "correct-horse")
	token = "a-token"

	realm = "https://" + r.Host + "/token"
	read(t, open(t, req), image.Reading{})

	inTheOpen, _ := plain(t, imagetest.RegistryOptions{})
	realm = "http://" + inTheOpen.Host + "/token"
	refuse(t, req)
	same(t, "requests to a token server without TLS", inTheOpen.Requests(), 0)

	realm = "https://" + r.Host + "/token"
	req.Options.Registry.Credentials = []image.Credential{{Authority: r.Host, Token: token}}
	read(t, open(t, req), image.Reading{})
}

// An answer that lacks the token may hold another one.
func TestTokenServerWithoutAToken(t *testing.T) {
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/token" {
				fmt.Fprint(w, `{"refresh_token":"a-refresh-token"}`)
				return
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token",service="test"`, req.Host))
			w.WriteHeader(http.StatusUnauthorized)
		})
	}})
	req := request(t, "registry", r.Host+"/app:1")
	req.Options.Registry.CAs = trusted(r)
	req.Options.Registry.Credentials = given(r.Host, "alice", "correct-horse")
	err := refuse(t, req)
	if text := fmt.Sprintf("%v %+v", err, err); !strings.Contains(text, "no token") || strings.Contains(text, "a-refresh-token") {
		t.Errorf("%s", text)
	}
}

func TestRepositoryURL(t *testing.T) {
	for ref, want := range map[string]string{
		"alpine":                             "https://index.docker.io/v2/library/alpine",
		"docker.io/alpine:3":                 "https://index.docker.io/v2/library/alpine",
		"docker.io/library/alpine":           "https://index.docker.io/v2/library/alpine",
		"grafana/grafana":                    "https://index.docker.io/v2/grafana/grafana",
		"registry.example.com/alpine":        "https://registry.example.com/v2/alpine",
		"registry.example.com:5000/a/b/c:1":  "https://registry.example.com:5000/v2/a/b/c",
		"registry.example.com/library/image": "https://registry.example.com/v2/library/image",
	} {
		got, err := image.RepositoryURL(ref, false)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
		}
		same(t, ref, got, want)
	}
	for _, ref := range []string{"registry.example.com/Upper", "localbuild/app"} {
		if got, err := image.RepositoryURL(ref, false); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %s, %v", ref, got, err)
		}
	}
}
