package importserver_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// FuzzQueries: whatever a query asks for, it is answered, or refused as the contract
// has it; the server itself does not fail.
func FuzzQueries(f *testing.F) {
	s, err := importserver.Open(f.Context(), options(f.TempDir()), (&engine{}).functions())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	h := s.Handler()
	d, err := openapi.Load()
	if err != nil {
		f.Fatal(err)
	}
	var paths []string
	for _, o := range d.Operations() {
		if o.Method == "GET" && len(o.PathParameters()) == 0 {
			paths = append(paths, o.Path)
		}
	}
	for n := range paths {
		f.Add(n, "page=2&limit=3&history=true&full_tag=a:1&id=CVE-1,CVE-2&name=x&order_by=full_tag&order_by_descending=true")
	}
	f.Add(0, "full_tag=%00&image_id=%ff&analyzed_since=9999-12-31T23:59:59Z&page=-1&limit=99999999999999999999")
	f.Add(1, "event_type=%2a%2a%2a&since=0001-01-01&before=x&filter=%25%5c_&registry='--&vulnerability_id=%1b&name=%00&tag=%22")
	f.Fuzz(func(t *testing.T, n int, query string) {
		if strings.ContainsAny(query, "#") || !validQuery(query) {
			t.Skip("no client can send it")
		}
		r := httptest.NewRequest("GET", paths[uint(n)%uint(len(paths))], nil)
		r.URL.RawQuery = query
		r.SetBasicAuth(importserver.Admin, password)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 400 {
			return
		}
		var e wire.Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != w.Code || w.Code == 500 {
			t.Errorf("%s?%s: %d %s", r.URL.Path, query, w.Code, w.Body)
		}
	})
}

func validQuery(query string) bool {
	for _, c := range []byte(query) {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	_, err := url.Parse("/?" + query)
	return err == nil
}
