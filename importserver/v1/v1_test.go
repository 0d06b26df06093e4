package v1_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/importserver/openapi"
	v1 "github.com/tidepole/tidepole/importserver/v1"
)

// serve serves both versions, of which version 2 is only this.
func serve(t *testing.T, v2 http.HandlerFunc) *httptest.Server {
	t.Helper()
	h, err := v1.Handler(v2)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web
}

func ask(t *testing.T, web *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, web.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestEveryOperationAsksForItsOwn(t *testing.T) {
	swagger, err := openapi.V1()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			Target string `json:"x-v2-operation"`
		}
	}
	if err := json.Unmarshal(swagger, &d); err != nil {
		t.Fatal(err)
	}
	v2, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	pattern := ""
	mux := http.NewServeMux()
	for _, o := range v2.Operations() {
		mux.HandleFunc(o.Pattern(), func(w http.ResponseWriter, r *http.Request) {
			switch pattern = o.ID; o.ID { // what is asked for on the way is answered
			case "list_images":
				io.WriteString(w, `{"items":[{"image_digest":"sha256:d"}]}`)
			case "get_user", "get_account_user":
				io.WriteString(w, `{}`)
			default:
				w.WriteHeader(http.StatusNotImplemented)
			}
		})
	}
	web := serve(t, mux.ServeHTTP)
	n := 0
	for path, methods := range d.Paths {
		for method, o := range methods {
			n++
			filled := "/v1" + strings.NewReplacer("{ctype}", "os", "{", "", "}", "").Replace(path)
			if ask(t, web, strings.ToUpper(method), filled, ""); pattern != o.Target {
				t.Errorf("%s %s asks for %s, not %s", method, filled, pattern, o.Target)
			}
		}
	}
	if n < 90 {
		t.Errorf("there are only %d operations", n)
	}
}

func TestRequestsAreTranslated(t *testing.T) {
	for _, c := range []struct{ name, method, path, body, want, wantBody string }{
		{"names of a query", "GET", "/v1/images?fulltag=a%2Fb:1&history=true&unknown=x", "", "/v2/images?full_tag=a%2Fb%3A1&history=true&unknown=x", ""},
		{"the body of a GET", "GET", "/v1/images", `{"tag":"a:1"}`, "/v2/images?full_tag=a%3A1", ""},
		{"a slash in a path", "GET", "/v1/registries/a%2Fb%2F%2A", "", "/v2/registries/a%2Fb%2F%2A", ""},
		{"underscores of a path", "POST", "/v1/imports/images/x/image_config", `{ "as": "it is"}`, "/v2/imports/images/x/image-config", `{ "as": "it is"}`},
		{"what is not version 1", "GET", "/v2/images?fulltag=x", "", "/v2/images?fulltag=x", ""},
		{"a source", "POST", "/v1/images?autosubscribe=true", `{"source":{"tag":{"pullstring":"a:1"}}}`,
			"/v2/images?auto_subscribe=true", `{"source":{"tag":{"pull_string":"a:1"}}}`},
		{"a body that is no JSON", "POST", "/v1/images", `{"tag":`, "/v2/images", `{"tag":`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, body := "", ""
			web := serve(t, func(w http.ResponseWriter, r *http.Request) {
				data, err := io.ReadAll(r.Body)
				got, body = r.URL.RequestURI(), string(data)
				if err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusTeapot)
			})
			ask(t, web, c.method, c.path, c.body)
			if got != c.want || body != c.wantBody {
				t.Errorf("asked for %s with %s", got, body)
			}
		})
	}
}

func TestAnswersAreTranslated(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		code               int
		given              string
		wantCode           int
		want               string
	}{
		{"a list of tags", "GET", "/v1/summaries/imagetags", 200, `{"items":[{"image_digest":"d","full_tag":"t","created_at":5}],"total_rows":1}`,
			200, `[{"created_at":5,"fulltag":"t","imageDigest":"d"}]`},
		{"keys that are the client's", "GET", "/v1/images/d", 200, `{"image_digest":"d","annotations":{"image_id":"x"},"created_at":"2026-01-02T03:04:05.678Z"}`,
			200, `[{"annotations":{"image_id":"x"},"created_at":"2026-01-02T03:04:05Z","imageDigest":"d"}]`},
		{"an empty answer", "DELETE", "/v1/policies/p", 204, "", 200, "true"},
		{"an empty answer that stays one", "DELETE", "/v1/accounts/a", 204, "", 204, ""},
		{"an error", "GET", "/v1/policies/p", 404, `{"code":404,"error_type":"not_found","message":"m","detail":{"hint":"h"}}`,
			404, `{"detail":{"error_codes":[],"hint":"h"},"httpcode":404,"message":"m"}`},
		{"an error with codes", "GET", "/v1/policies/p", 400, `{"code":400,"message":"m","detail":{"error_codes":["UNKNOWN"]}}`,
			400, `{"detail":{"error_codes":["UNKNOWN"]},"httpcode":400,"message":"m"}`},
		{"what the description refuses", "GET", "/v1/policies/p", 400, `{"code":400,"message":"m","detail":{"invalid":[{"in":"body"}]}}`,
			400, `{"detail":"m","status":400,"title":"Bad Request","type":"about:blank"}`},
		{"the id of an image that was added", "GET", "/v1/images/d", 200, `{"evidence_origin":"server","image_detail":[{"image_id":"sha256:x"}]}`,
			200, `[{"evidence_origin":"server","image_detail":[{"imageId":"x"}]}]`},
		{"the id of an image that was imported", "GET", "/v1/images/d", 200, `{"evidence_origin":"client","image_detail":[{"image_id":"sha256:x"}]}`,
			200, `[{"evidence_origin":"client","image_detail":[{"imageId":"sha256:x"}]}]`},
		{"the id in a list of tags", "GET", "/v1/summaries/imagetags", 200, `{"items":[{"image_id":"sha256:x"}],"total_rows":1}`, 200, `[{"imageId":"x"}]`},
		{"the id of an image that was found", "GET", "/v1/query/images/by_package?name=p", 200, `{"images":[{"image":{"image_id":"sha256:x"}}]}`,
			200, `{"images":[{"image":{"id":"x","imageId":"x","image_id":"x"}}]}`},
		{"an error that is a text", "GET", "/v1/policies/p", 401, "Unauthorized", 401, "Unauthorized"},
		{"an error of the registry's spelling", "GET", "/v1/registries/r", 200, `[{"registry":"r","last_updated":"x","account_name":"a"}]`,
			200, `[{"last_upated":"x","registry":"r","userId":"a"}]`},
		{"files, which are passed on", "GET", "/v1/images/d/content/files", 200, `{"image_digest":"d","content_type":"files","content":[{"image_digest":1}]}`,
			200, `{"imageDigest":"d","content_type":"files","content":[{"image_digest":1}]}`},
		{"less than is waited for", "GET", "/v1/images/d/content/files", 200, `{}`, 200, `{}`},
		{"a feed that is fetched", "POST", "/v1/system/feeds", 200, `{"message":"m"}`, 200, `[]`},
		{"a number beyond what a float can say", "GET", "/v1/status", 200, `{"detail":{"n":12345678901234567890}}`, 200, `{"detail":{"n":12345678901234567890}}`},
		{"what is no JSON", "GET", "/v1/policies/p", 200, `{`, 500, `{"detail":{"error_codes":[]},"httpcode":500,"message":"the answer could not be translated"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			web := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Anchore-Request-Id", "x")
				w.WriteHeader(c.code)
				for _, b := range []byte(c.given) {
					w.Write([]byte{b})
				}
			})
			code, got := ask(t, web, c.method, c.path, "")
			if code != c.wantCode {
				t.Errorf("%d %s", code, got)
			}
			if diff := cmp.Diff(c.want, strings.TrimSuffix(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzImageRequest(f *testing.F) {
	f.Add(`{"tag":"a:1","digest":"sha256:1","created_at":null}`)
	f.Add(`{"source":{"tag":{"pullstring":"a"},"digest":1},"tag":""}`)
	sent := ""
	h, err := v1.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		} else if json.Valid(data) != json.Valid([]byte(sent)) {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		sent = body
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/images", strings.NewReader(body)))
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", body, w.Code)
		}
	})
}
