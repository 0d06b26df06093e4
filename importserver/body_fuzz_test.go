package importserver_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// FuzzBodies: whatever body an operation of either version is sent, it is taken, or
// refused as the contract has it; the server itself does not fail.
func FuzzBodies(f *testing.F) {
	e := &engine{
		resolve: func(importserver.Target) (importserver.Resolved, error) {
			return importserver.Resolved{}, fault.New(fault.NotFound, "there is no such image")
		},
		analyze: func(context.Context, importserver.Job, importserver.Importer) error {
			return fault.New(fault.Invalid, "nothing is analysed")
		},
		ping: func(string, *importserver.Login) error { return fault.New(fault.Denied, "no") },
		tags: func(string, *importserver.Login) ([]string, error) {
			return nil, fault.New(fault.NotFound, "there is no such repository")
		},
	}
	s, err := importserver.Open(f.Context(), options(f.TempDir()), e.functions())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	h := s.Handler()
	operation, err := s.Account(importserver.Admin).OpenOperation(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	values := map[string]string{
		"operation_id": operation.UUID, "operation_uuid": operation.UUID, "feed": "vulnerability_db",
		"account_name": importserver.Admin, "username": importserver.Admin, "image_digest": "sha256:" + strings.Repeat("0", 64),
	}
	d, err := openapi.Load()
	if err != nil {
		f.Fatal(err)
	}
	type route struct{ method, path string }
	var routes []route
	for _, o := range d.Operations() {
		if o.Method != "GET" && o.Method != "DELETE" {
			routes = append(routes, route{o.Method, parameter.ReplaceAllStringFunc(o.Path, func(p string) string {
				if v, ok := values[strings.Trim(p, "{}")]; ok {
					return v
				}
				return "x"
			})})
		}
	}
	for _, path := range []string{
		"images", "policies", "registries", "subscriptions", "accounts", "user/credentials", "repositories?repository=a/b",
		"imports/images/" + operation.UUID + "/packages", "imports/images/" + operation.UUID + "/image_config",
	} {
		routes = append(routes, route{"POST", "/v1/" + path})
	}
	for n := range routes {
		f.Add(n, "application/json", []byte(`{"source":{"tag":{"pull_string":"a:1"}},"tag":"a:1","name":"x","id":"p","version":"2","rule_sets":[],"artifacts":[],"distro":{}}`))
		f.Add(n, "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.tar.zst\"\r\n\r\nx\r\n--b--\r\n"))
		f.Add(n, "application/x-www-form-urlencoded", []byte("grant_type=password&username=admin&password=%zz"))
	}
	f.Add(0, "", []byte(`[null,{"a":1e999,"a":"\ud800"}]`))
	f.Fuzz(func(t *testing.T, n int, kind string, body []byte) {
		to := routes[uint(n)%uint(len(routes))]
		r := httptest.NewRequest(to.method, to.path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", kind)
		r.SetBasicAuth(importserver.Admin, password)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 400 || w.Code == http.StatusUnauthorized {
			return
		}
		var e wire.Error
		err := json.Unmarshal(w.Body.Bytes(), &e)
		if w.Code == http.StatusInternalServerError || err != nil && !strings.HasPrefix(to.path, "/v1/") {
			t.Errorf("%s %s, %q: %d %s", to.method, to.path, body, w.Code, w.Body)
		}
	})
}
