package importserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
)

// licensed is a document whose packages give their licences in every shape.
const licensed = `{"artifacts": [
 {"name":"old","version":"1","type":"npm","licenses":["MIT"],"purl":"pkg:npm/old@1"},
 {"name":"new","version":"2","type":"deb","licenses":[{"value":"Apache 2","spdxExpression":"Apache-2.0","type":"declared","urls":["https://example.com/l"]},
  {"spdxExpression":"MIT OR BSD-3-Clause"},{"value":""}]},
 {"name":"none","version":"3","type":"java-archive","licenses":null},
 {"name":"none","version":"3","type":"java-archive"}
], "source": {"type":"image"}, "distro": {}}`

func count(kind, name string, n int) wire.ContentCount {
	return wire.ContentCount{ContentType: kind, DisplayName: name, Count: n}
}

func TestContentIsCountedAndLicensesAreListed(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	full := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	plain := newBundle(t, image{digest: digestOf(2), tags: []string{"a:2"}, document: licensed})
	r.importOver(full, "")
	r.importOver(plain, "")
	r.await(full.Digest, wire.Analyzed)
	r.await(plain.Digest, wire.Analyzed)

	summary := func(digest string) (counts []wire.ContentCount) {
		var s wire.ContentSummary
		r.call("GET", "/v2/images/"+digest+"/content-summary", "", &s)
		return s.Items
	}
	want := []wire.ContentCount{
		count("files", "Files", 2), count("npm", "NPM", 1), count("os", "OS packages", 1), count("retrieved_files", "Retrieved files", 1), count("secret_search", "Secret search", 1),
	}
	if diff := cmp.Diff(want, summary(full.Digest)); diff != "" {
		t.Error(diff)
	}
	want = []wire.ContentCount{count("java", "Java", 2), count("npm", "NPM", 1), count("os", "OS packages", 1), count("retrieved_files", "Retrieved files", 1), count("secret_search", "Secret search", 1)}
	if diff := cmp.Diff(want, summary(plain.Digest)); diff != "" {
		t.Errorf("without files: %s", diff)
	}

	var licenses struct{ Items []wire.PackageLicenses }
	r.call("GET", "/v2/images/"+plain.Digest+"/content/licenses", "", &licenses)
	none := wire.PackageLicenses{Package: wire.LicensedPackage{Name: "none", Version: "3", Type: "java"}, Licenses: []wire.License{}}
	if diff := cmp.Diff([]wire.PackageLicenses{
		{Package: wire.LicensedPackage{Name: "old", Version: "1", Type: "npm", PURL: "pkg:npm/old@1"}, Licenses: []wire.License{{Name: "MIT", Source: "sbom"}}},
		{Package: wire.LicensedPackage{Name: "new", Version: "2", Type: "dpkg"}, Licenses: []wire.License{
			{ID: "Apache-2.0", Name: "Apache 2", URL: "https://example.com/l", Source: "sbom"},
			{ID: "MIT OR BSD-3-Clause", Name: "MIT OR BSD-3-Clause", Source: "sbom"},
		}},
		none, none,
	}, licenses.Items); diff != "" {
		t.Error(diff)
	}

	_, text := r.request("GET", "/v2/images/"+full.Digest+"/content/malware", nil, nil)
	if want := `{"image_digest":"` + full.Digest + `","content_type":"malware","content":[]}`; strings.TrimSpace(text) != want {
		t.Errorf("malware: %s", text)
	}
	for _, path := range []string{"content-summary", "content/licenses", "content/malware"} {
		if e := r.refused("GET", "/v2/images/"+digestOf(3)+"/"+path, "", nil); e.Code != 404 {
			t.Errorf("%s of an unknown image: %+v", path, e)
		}
	}
}

// weighed is a client that looks, from time to time, at how much memory is in use
// while it is answered.
type weighed struct {
	header http.Header
	code   int
	sent   int
	most   uint64
}

func (w *weighed) Header() http.Header { return w.header }

func (w *weighed) WriteHeader(code int) { w.code = code }

func (w *weighed) Write(p []byte) (int, error) {
	if before := w.sent >> 22; (w.sent+len(p))>>22 != before {
		w.most = max(w.most, inUse())
	}
	w.sent += len(p)
	return len(p), nil
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// However long the list of an image's packages is, it is sent as it is read.
func TestPackagesAreSentAsTheyAreRead(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	var document strings.Builder
	document.WriteString(`{"source":{"type":"image"},"distro":{},"artifacts":[`)
	for n := range 3 << 10 {
		fmt.Fprintf(&document, `{"name":"p%d","version":"1","type":"npm","metadata":{"description":%q}},`, n, strings.Repeat("x", 4<<10))
	}
	document.WriteString(`{"name":"last","version":"1","type":"npm"}]}`)
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}, document: document.String()})
	document.Reset()
	r.importOver(b, "")
	r.await(b.Digest, wire.Analyzed)

	req := httptest.NewRequest("GET", "/v2/images/"+b.Digest+"/content/npm", nil)
	req.SetBasicAuth("admin", password)
	before := inUse()
	w := &weighed{header: http.Header{}, code: 200}
	r.server.Handler().ServeHTTP(w, req)
	if w.code != 200 || w.sent < 12<<20 || w.most > before+8<<20 {
		t.Errorf("%d, %d bytes with %d in use, %d before", w.code, w.sent, w.most, before)
	}
}
