package importserver_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

func TestPasswordIsAskedFor(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for name, change := range map[string]func(*http.Request){
		"none":           func(r *http.Request) { r.Header.Del("Authorization") },
		"wrong password": func(r *http.Request) { r.SetBasicAuth("admin", "wrong") },
		"wrong user":     func(r *http.Request) { r.SetBasicAuth("root", password) },
		"bearer":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+password) },
	} {
		for _, path := range []string{wire.RouteRoot, wire.RouteImages, wire.RouteOperations, wire.RouteDatabase} {
			resp, text := r.request("GET", path, nil, change)
			if resp.StatusCode != 401 || text != "Unauthorized" || resp.Header.Get("WWW-Authenticate") != `basic realm="Authentication required"` {
				t.Errorf("%s: %s: %d %q %q", name, path, resp.StatusCode, text, resp.Header.Get("WWW-Authenticate"))
			}
		}
	}
	account := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("x-anchore-account", name) }
	}
	if e := r.refused("GET", wire.RouteImages, "", account("other")); e.Code != 404 {
		t.Errorf("another account: %+v", e)
	}
	if resp, _ := r.request("GET", wire.RouteImages, nil, account("admin")); resp.StatusCode != 200 {
		t.Errorf("its own account: %d", resp.StatusCode)
	}
	for _, path := range []string{wire.RouteHealth, wire.RouteVersion} {
		if resp, text := r.request("GET", path, nil, func(r *http.Request) { r.Header.Del("Authorization") }); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
}

func TestGeneratedPasswordIsKept(t *testing.T) {
	o := options(t.TempDir())
	o.AdminPassword = ""
	s := open(t, &engine{}, o)
	s.Close()
	name := filepath.Join(o.Dir, importserver.PasswordFile)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 || len(strings.TrimSpace(string(data))) < 20 {
		t.Errorf("%v, %v: %q", info.Mode(), err, data)
	}
	r := start(t, &engine{}, o)
	sign := func(r *http.Request) { r.SetBasicAuth("admin", strings.TrimSpace(string(data))) }
	if resp, text := r.request("GET", wire.RouteRoot, nil, sign); resp.StatusCode != 200 || strings.TrimSpace(text) != `"v2"` {
		t.Errorf("with the password from the file: %d %s", resp.StatusCode, text)
	}
}

func TestSystemRoutes(t *testing.T) {
	r := analysed(t, &engine{})
	for path, want := range map[string]string{
		wire.RouteVersion: `{"service":{"version":"test"},"api":{"version":"2"},"db":{"schema_version":"`,
		wire.RouteStatus:  `"images":{"analyzed":1}`,
		wire.RouteSystem:  `"service_states":[{`,
		wire.RouteFeeds:   `[]`,
		wire.RouteMetrics: `tidepole_images{status="analyzed"} 1`,
		wire.RouteHealth:  ``,
	} {
		if resp, text := r.request("GET", path, nil, nil); resp.StatusCode != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s lacks %s", path, resp.StatusCode, text, want)
		}
	}
	text := r.metrics(`tidepole_work_attempts_total{outcome="done",stage="assess"} 1`, `tidepole_http_requests_total{code="200",route="GET /v2/status"} 1`)
	if strings.Contains(text, "image_digest=") {
		t.Errorf("metrics: %s", text)
	}
	resp, _ := r.request("GET", wire.RouteRoot, nil, func(r *http.Request) { r.Header.Set(wire.RequestIDHeader, "mine-1") })
	if resp.Header.Get(wire.RequestIDHeader) != "mine-1" {
		t.Errorf("request id %q", resp.Header.Get(wire.RequestIDHeader))
	}
	resp, _ = r.request("GET", wire.RouteRoot, nil, func(r *http.Request) { r.Header.Set(wire.RequestIDHeader, "NO\"") })
	if id := resp.Header.Get(wire.RequestIDHeader); len(id) != 24 {
		t.Errorf("request id %q", id)
	}
}

func TestOddRequests(t *testing.T) {
	r := analysed(t, &engine{})
	of := func(route string, more ...string) string {
		return wire.Path(route, append([]string{digestOf(1)}, more...)...)
	}
	for name, test := range map[string]struct {
		method, path string
		code         int
	}{
		"nothing there":       {"GET", "/v2/nothing", 404},
		"wrong method":        {"PATCH", wire.RouteImages, 405},
		"no digest":           {"GET", wire.Path(wire.RouteImage, "latest"), 400},
		"path in the digest":  {"GET", wire.Path(wire.RouteImage, "../../etc/passwd"), 400},
		"upper-case digest":   {"GET", wire.Path(wire.RouteImage, "sha256:"+strings.Repeat("A", 64)), 404},
		"unknown image":       {"GET", wire.Path(wire.RouteImage, digestOf(5)), 404},
		"delete unknown":      {"DELETE", wire.Path(wire.RouteImage, digestOf(5)), 404},
		"delete none":         {"DELETE", wire.RouteImages, 400},
		"delete no digest":    {"DELETE", wire.RouteImages + "?image_digests=x", 400},
		"unknown content":     {"GET", of(wire.RouteContent, "word"), 404},
		"content of searches": {"GET", of(wire.RouteContent, "secret_search"), 404},
		"no content search":   {"GET", of(wire.RouteContentSearch), 404},
		"unknown metadata":    {"GET", of(wire.RouteMetadata, "../x"), 404},
		"no parent manifest":  {"GET", of(wire.RouteMetadata, "parent_manifest"), 404},
		"unknown SBOM":        {"GET", of(wire.RouteSBOM, "word"), 404},
		"unknown vuln type":   {"GET", of(wire.RouteVuln, "most"), 400},
		"not a boolean":       {"GET", of(wire.RouteVuln, "all") + "?vendor_only=maybe", 400},
		"check without tag":   {"GET", of(wire.RouteCheck), 400},
		"unknown status":      {"GET", wire.RouteImages + "?analysis_status=done", 400},
		"unknown record":      {"GET", wire.RouteImages + "?image_status=done", 400},
		"not a time":          {"GET", wire.RouteImages + "?analyzed_since=yesterday", 400},
		"history of all":      {"GET", wire.RouteImages + "?history=true", 400},
		"tag of nothing":      {"GET", wire.RouteImages + "?full_tag=b:1", 404},
		"id of nothing":       {"GET", wire.RouteImages + "?image_id=" + strings.Repeat("0", 64), 404},
		"empty database":      {"POST", wire.RouteDatabase, 400},
	} {
		if e := r.refused(test.method, test.path, "", nil); e.Code != test.code {
			t.Errorf("%s: %+v", name, e)
		}
	}
	large := strings.Repeat(" ", 25<<20)
	if e := r.refused("POST", wire.RouteImages, large, nil); e.Code != 400 || e.Type != "too_large" {
		t.Errorf("a large body: %+v", e)
	}
}

func TestLists(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for n, tag := range []string{"a:1", "a:1", "b:1"} {
		b := newBundle(t, image{digest: digestOf(n + 1), tags: []string{tag}})
		if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		r.await(b.Digest, wire.Analyzed)
		time.Sleep(time.Millisecond)
	}
	for name, test := range map[string]struct {
		query string
		want  []int
	}{
		"all":              {"", []int{3, 2, 1}},
		"newest of a tag":  {"?full_tag=docker.io/a:1", []int{2}},
		"history of a tag": {"?full_tag=a:1&history=true", []int{2, 1}},
		"by id":            {"?image_id=" + strings.TrimPrefix(digestOf(1<<20), "sha256:"), []int{3, 2, 1}},
		"newest by id":     {"?limit=2&image_id=" + digestOf(1<<20), []int{3, 2}},
		"last of a tag":    {"?full_tag=a:1&history=true&limit=1", []int{2}},
		"tag of an id":     {"?full_tag=a:1&history=true&image_id=" + digestOf(1<<20), []int{2, 1}},
		"failed of a tag":  {"?full_tag=a:1&analysis_status=analysis_failed", nil},
		"newest":           {"?limit=1", []int{3}},
		"analysed":         {"?analysis_status=analyzed", []int{3, 2, 1}},
		"failed":           {"?analysis_status=analysis_failed", nil},
		"being deleted":    {"?image_status=deleting", nil},
		"records of all":   {"?image_status=all", []int{3, 2, 1}},
		"analysed since":   {"?analyzed_since=2020-01-01T00:00:00Z", []int{3, 2, 1}},
		"not yet analysed": {"?analyzed_since=2999-01-01T00:00:00%2B02:00", nil},
	} {
		var list wire.ImageList
		r.call("GET", wire.RouteImages+test.query, "", &list)
		got, want := []string{}, []string{}
		for _, i := range list.Items {
			got = append(got, i.Digest)
		}
		for _, n := range test.want {
			want = append(want, digestOf(n))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// The tag comes back to the first image.
	if _, err := r.Import(t.Context(), newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}}), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := r.Images(t.Context(), wire.ImageFilter{FullTag: "a:1"})
	if err != nil || len(list) != 1 || list[0].Digest != digestOf(1) {
		t.Errorf("after the tag came back: %+v, %v", list, err)
	}
	if _, err := r.Images(t.Context(), wire.ImageFilter{FullTag: "a@" + digestOf(1)}); fault.Of(err) != fault.Invalid {
		t.Errorf("a digest as full tag: %v", err)
	}
}

func TestBrokenAnswerIsBrokenOff(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	// The document is fine when it is assessed, and damaged when it is read again.
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}, document: strings.Replace(document, `"files": [`,
		`"files": [`+strings.Repeat(`{"id":"x","location":{"path":"/`+strings.Repeat("x", 1000)+`"},"metadata":{"type":"RegularFile"}},`, 5000), 1)})
	r.importOver(b, "")
	r.await(b.Digest, wire.Analyzed)
	part, _ := b.Part("packages")
	hex := strings.TrimPrefix(part.Digest, "sha256:")
	names, err := filepath.Glob(filepath.Join(r.dir, "blobs", "sha256", hex[:2], hex+".*.zst"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%q, %v", names, err)
	}
	name := names[0]
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data[:len(data)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", r.web.URL+wire.Path(wire.RouteContent, b.Digest, "files"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // broken off before the head was sent
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == 200 {
		t.Error("a damaged list of files was answered as if it were whole")
	}
}

// deadlines is an answer to a client whose connection notes its last deadline.
type deadlines struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.read = t; return nil }

func TestBodyThatNeverComes(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for name, test := range map[string]struct {
		method, path string
		body         io.Reader
		want         bool
	}{
		"refused before it is read": {"POST", wire.RouteImages, strings.NewReader("{}"), true},
		"where nothing is":          {"POST", "/nowhere", strings.NewReader("{}"), true},
		"that nobody reads":         {"GET", wire.RouteHealth, strings.NewReader("{}"), true},
		"none":                      {"GET", wire.RouteHealth, nil, false},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r.server.Handler().ServeHTTP(w, httptest.NewRequest(test.method, test.path, test.body))
		if wait := time.Until(w.read); w.read.IsZero() == test.want || wait > 2*time.Minute {
			t.Errorf("%s: the rest of the body is waited for until %v", name, w.read)
		}
	}
}

// Clients that ask for the version without the slash keep their password on the way.
func TestVersionOfTheAPIWithoutTheSlash(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for _, path := range []string{"/v2", "/v2/", "/v1", "/v1/"} {
		w, req := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		req.SetBasicAuth("admin", password)
		r.server.Handler().ServeHTTP(w, req)
		if w.Code != 200 || w.Body.String() != `"`+path[1:3]+`"`+"\n" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
