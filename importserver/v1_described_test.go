package importserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// v1Described has the test server's answers in version 1 fail the test where they
// are not as its description has them.
func v1Described(r *running) *running {
	r.t.Helper()
	d, err := openapi.Older()
	if err != nil {
		r.t.Fatal(err)
	}
	mux, byID := http.NewServeMux(), http.NewServeMux()
	next := r.web.Config.Handler
	for _, o := range d.Operations() {
		to := mux
		if strings.HasPrefix(o.Path, "/v1/images/by_id/") {
			to = byID
		}
		to.HandleFunc(o.Pattern(), func(w http.ResponseWriter, req *http.Request) {
			c := &copied{ResponseWriter: w, code: http.StatusOK}
			next.ServeHTTP(c, req)
			if c.code == http.StatusUnauthorized {
				return // a text, whatever is described
			}
			if w.Header().Get("Content-Type") == "application/problem+json" && c.code == http.StatusBadRequest {
				return // of version 1's own kind, which its description does not tell
			}
			if err := o.Response(c.code, w.Header(), c.body.Bytes()); err != nil {
				r.t.Errorf("%s %s: %v", req.Method, req.URL, err)
			}
		})
	}
	mux.Handle("/", next)
	mux.Handle("/v1", next)
	byID.Handle("/", next)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/v1/images/by_id/") {
			byID.ServeHTTP(w, req)
			return
		}
		mux.ServeHTTP(w, req)
	}))
	r.t.Cleanup(web.Close)
	r.web = web
	return r
}

func TestVersion1IsDescribed(t *testing.T) {
	d, err := openapi.Older()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Operations() {
		if !strings.HasPrefix(o.Path, "/v1/") || !strings.Contains(strings.Join(o.Codes(), " "), "default") {
			t.Errorf("%s: %s %v", o.ID, o.Path, o.Codes())
		}
	}
}
