package image_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// doors are the registries with a password that there are: one of the tests', and
// a real one where integration/testbed has started it.
func doors(t *testing.T) map[string]image.Registry {
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Username: "puller", Password: "secret"})
	all := map[string]image.Registry{r.Host: {
		CAs: trusted(r), Credentials: []image.Credential{{Authority: r.Host, Username: "puller", Password: "secret"}},
	}}
	if host := os.Getenv("TIDEPOLE_TEST_REGISTRY_TLS"); host != "" {
		all[host] = image.Registry{
			CAs: []image.CA{{Authority: host, File: os.Getenv("TIDEPOLE_TEST_REGISTRY_CA")}},
			Credentials: []image.Credential{{
				Authority: host, Username: os.Getenv("TIDEPOLE_TEST_REGISTRY_USERNAME"), Password: os.Getenv("TIDEPOLE_TEST_REGISTRY_PASSWORD"),
			}},
		}
	} else {
		t.Log("TIDEPOLE_TEST_REGISTRY_TLS is not set: no real registry is asked")
	}
	return all
}

func TestPingTellsWhetherARegistryTakesALogin(t *testing.T) {
	for host, o := range doors(t) {
		if err := image.Ping(t.Context(), host, o); err != nil {
			t.Errorf("the right login: %v", err)
		}
		wrong := o
		wrong.Credentials = []image.Credential{{Authority: host, Username: "puller", Password: "wrong"}}
		if err := image.Ping(t.Context(), host, wrong); fault.Of(err) != fault.Denied || strings.Contains(err.Error(), "wrong") {
			t.Errorf("a wrong password: %v", err)
		}
		wrong.Credentials = nil
		if err := image.Ping(t.Context(), host, wrong); fault.Of(err) != fault.Denied {
			t.Errorf("no login: %v", err)
		}
		strange := o
		strange.CAs = nil
		if err := image.Ping(t.Context(), host, strange); fault.Of(err) != fault.Unavailable {
			t.Errorf("a certificate that nobody knows: %v", err)
		}
		strange.SkipVerify = []string{host}
		if err := image.Ping(t.Context(), host, strange); err != nil {
			t.Errorf("a certificate that is not verified: %v", err)
		}
	}
	plain := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	if err := image.Ping(t.Context(), plain.Host, image.Registry{}); err == nil {
		t.Error("plain http was spoken")
	}
	if err := image.Ping(t.Context(), plain.Host, image.Registry{PlainHTTP: []string{plain.Host}}); err != nil {
		t.Errorf("plain http that is allowed: %v", err)
	}
	for _, name := range []string{"", "a/b", "http://x", "a b"} {
		if err := image.Ping(t.Context(), name, image.Registry{}); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A registry that redirects must not take a password elsewhere.
func TestPingTakesNoPasswordToAnotherHost(t *testing.T) {
	told := make(chan string, 10)
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("Authorization") }))
	defer other.Close()
	signedIn := false
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); !ok {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			signedIn = true
			http.Redirect(w, r, other.URL, http.StatusFound)
		})
	}})
	o := image.Registry{
		SkipVerify:  []string{r.Host, strings.TrimPrefix(other.URL, "https://")},
		Credentials: []image.Credential{{Authority: r.Host, Username: "puller", Password: "secret"}},
	}
	err := image.Ping(t.Context(), r.Host, o)
	close(told)
	if !signedIn {
		t.Fatalf("the registry was not signed in to: %v", err)
	}
	for header := range told {
		if header != "" {
			t.Errorf("the other host was told %q", header)
		}
	}
}

// inPages gives a repository's tags n at a time, whatever is asked for.
func inPages(tags []string, n int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				next.ServeHTTP(w, r)
				return
			}
			from, _ := strconv.Atoi(r.URL.Query().Get("last"))
			to := min(from+n, len(tags))
			if to < len(tags) {
				w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example/v2/x/tags/list?last=%d&n=%d>; rel="next"`, to, n))
			}
			json.NewEncoder(w).Encode(map[string]any{"name": "team/app", "tags": tags[from:to]})
		})
	}
}

func TestTagsAreListedPageByPage(t *testing.T) {
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprint("v", n))
	}
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{Wrap: inPages(want, 10)})
	got, err := image.Tags(t.Context(), r.Host+"/team/app", image.Registry{PlainHTTP: []string{r.Host}})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestTagsWithoutAnEndAreRefused(t *testing.T) {
	loop := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.Header().Set("Link", `</v2/team/app/tags/list?last=x>; rel="next"`)
				fmt.Fprint(w, `{"tags":["x"]}`)
			}
		})
	}
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{Wrap: loop})
	_, err := image.Tags(t.Context(), r.Host+"/team/app", image.Registry{PlainHTTP: []string{r.Host}})
	if fault.Of(err) != fault.TooLarge || r.Requests() > 200 {
		t.Errorf("%v after %d requests", err, r.Requests())
	}
}

func TestTagsNeedALogin(t *testing.T) {
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Username: "puller", Password: "secret"})
	for _, tag := range []string{"1", "2", "latest"} {
		r.Push(t, "team/app:"+tag, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"a": {Content: tag}}}}))
	}
	o := image.Registry{CAs: trusted(r), Credentials: []image.Credential{{Authority: r.Host, Username: "puller", Password: "secret"}}}
	got, err := image.Tags(t.Context(), r.Host+"/team/app", o)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"1", "2", "latest"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := image.Tags(t.Context(), r.Host+"/team/none", o); fault.Of(err) != fault.NotFound {
		t.Errorf("a repository that is not there: %v", err)
	}
	o.Credentials = nil
	if _, err := image.Tags(t.Context(), r.Host+"/team/app", o); fault.Of(err) != fault.Denied {
		t.Errorf("without a login: %v", err)
	}
}
