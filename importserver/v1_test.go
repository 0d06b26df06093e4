package importserver_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// v1Imported is a server with one analysed image, brought through version 1.
func v1Imported(t *testing.T, tags ...string) (r *running, digest string) {
	t.Helper()
	r = v1Described(start(t, &engine{}, options(t.TempDir())))
	if _, err := r.ImportDatabase(t.Context(), strings.NewReader("one"), "one", ""); err != nil {
		t.Fatal(err)
	}
	digest = digestOf(1)
	v1Import(r, digest, tags...)
	r.await(digest, "analyzed")
	return r, digest
}

// v1Import uploads an image as older tools do.
func v1Import(r *running, digest string, tags ...string) {
	r.t.Helper()
	var o struct{ UUID, Status string }
	r.call("POST", "/v1/imports/images", "", &o)
	contents := map[string]string{}
	for part, body := range map[string]string{
		"packages": document, "manifest": `{"schemaVersion":2,"layers":[{"digest":"` + digestOf(77) + `","size":1000,"mediaType":"x"}]}`,
		"image_config": `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["` + digestOf(78) + `"]},"history":[{"created_by":"CMD sh"}]}`,
		"dockerfile":   "FROM scratch\n",
	} {
		var got struct{ Digest string }
		r.call("POST", "/v1/imports/images/"+o.UUID+"/"+part, body, &got)
		contents[part] = got.Digest
	}
	source := map[string]any{"import": map[string]any{
		"operation_uuid": o.UUID, "digest": digest, "tags": tags, "local_image_id": digestOf(1 << 20), "contents": contents,
	}}
	var images []map[string]any
	r.call("POST", "/v1/images?autosubscribe=false", toJSON(r.t, map[string]any{"source": source}), &images)
	if len(images) != 1 || images[0]["imageDigest"] != digest || images[0]["userId"] != "admin" {
		r.t.Fatalf("the import answers %v", images)
	}
}

// v1Refused asks for what must fail, and gives the error.
func v1Refused(r *running, method, path, body string, code int) map[string]any {
	r.t.Helper()
	resp, text := r.request(method, path, strings.NewReader(body), nil)
	var e map[string]any
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		r.t.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
		return nil
	}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		if len(e) != 4 || resp.StatusCode != code || code != 400 || e["status"] != 400.0 || e["type"] != "about:blank" || e["title"] != "Bad Request" || e["detail"] == "" {
			r.t.Errorf("%s %s: %d %s is not a problem of version 1", method, path, resp.StatusCode, text)
		}
		return e
	}
	detail, _ := e["detail"].(map[string]any)
	if _, ok := detail["error_codes"].([]any); !ok || resp.StatusCode != code || e["httpcode"] != float64(code) || e["message"] == "" || e["code"] != nil {
		r.t.Errorf("%s %s: %d %s is not version 1's error %d", method, path, resp.StatusCode, text, code)
	}
	return e
}

func TestV1Probes(t *testing.T) {
	r := v1Described(start(t, &engine{}, options(t.TempDir())))
	for _, path := range []string{"/v1", "/v1/"} {
		resp, text := r.request("GET", path, nil, nil)
		if resp.Request.URL.Path != path || resp.StatusCode != 200 || strings.TrimSpace(text) != `"v1"` {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
		resp, text = r.request("GET", path, nil, func(r *http.Request) { r.SetBasicAuth("admin", "wrong") })
		if resp.StatusCode != 401 || text != "Unauthorized" || resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s with a wrong password: %d %s", path, resp.StatusCode, text)
		}
	}
	for _, path := range []string{"/swagger.json", "/v1/swagger.json"} {
		var d struct {
			Swagger string
			Info    struct{ Version string }
		}
		resp, text := r.request("GET", path, nil, func(r *http.Request) { r.Header.Del("Authorization") })
		if err := json.Unmarshal([]byte(text), &d); err != nil || resp.StatusCode != 200 || d.Swagger != "2.0" || d.Info.Version != "0.1.20" {
			t.Errorf("%s: %d %.100s", path, resp.StatusCode, text)
		}
	}
	for _, path := range []string{"/v1/health", "/v1/version", "/v1/status", "/v1/system"} {
		r.call("GET", path, "", nil)
	}
	v1Refused(r, "GET", "/v1/nothing", "", 404)
	v1Refused(r, "GET", "/v1/archives", "", 404)
	v1Refused(r, "PATCH", "/v1/images", "", 405)
	v1Refused(r, "POST", "/swagger.json", "", 405)
	v1Refused(r, "GET", "/v1/imports/images/none", "", 404)
}

func TestV1Images(t *testing.T) {
	r, digest := v1Imported(t, "docker.io/a:1", "docker.io/b:1")
	var lists [4][]map[string]any
	r.call("GET", "/v1/images", "", &lists[0])
	r.call("GET", "/v1/images?fulltag=docker.io/a:1&history=true", "", &lists[1])
	r.call("GET", "/v1/images/"+digest, "", &lists[2])
	r.call("GET", "/v1/images/by_id/"+strings.TrimPrefix(digestOf(1<<20), "sha256:"), "", &lists[3])
	for i, list := range lists {
		if len(list) != 1 {
			t.Fatalf("list %d: %v", i, list)
		}
		detail := list[0]["image_detail"].([]any)[0].(map[string]any)
		if list[0]["imageDigest"] != digest || list[0]["analysis_status"] != "analyzed" || list[0]["userId"] != "admin" ||
			detail["fulltag"] == nil || detail["imageId"] == nil || list[0]["image_digest"] != nil {
			t.Errorf("list %d: %v", i, list)
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", list[0]["created_at"].(string)); err != nil {
			t.Error(err)
		}
	}
	for _, tag := range v1Has(r, "GET", "/v1/summaries/imagetags", "", []string{"fulltag", "imageDigest", "imageId"}, []string{"items", "full_tag"}).([]any) {
		if at, ok := tag.(map[string]any)["created_at"].(float64); !ok || at < 1e9 {
			t.Errorf("a tag's time is no number of seconds: %v", tag)
		}
	}
	v1Import(r, digestOf(2), "docker.io/a:2")
	var one []map[string]any
	r.call("GET", "/v1/images", `{"tag":"docker.io/a:2"}`, &one)
	if len(one) != 1 || one[0]["imageDigest"] != digestOf(2) {
		t.Errorf("the body of a GET is not read: %v", one)
	}
	r.call("GET", "/v1/images", `{"tag":`, &one)
	if len(one) != 2 {
		t.Errorf("what is no JSON is not passed over: %d images", len(one))
	}
	for path, message := range map[string]string{
		"/v1/images/" + digestOf(9):                                 "image not found in DB",
		"/v1/images?fulltag=docker.io/none:1":                       "image data not found in DB",
		"/v1/images/by_id/" + digestOf(9)[7:]:                       "image data not found in DB",
		"/v1/images/" + digestOf(9) + "/check?tag=docker.io/none:1": "image not found in DB",
	} {
		if e := v1Refused(r, "GET", path, "", 404); e["message"] != message {
			t.Errorf("%s: %v", path, e)
		}
	}
	r.await(digestOf(2), "analyzed")
	var gone map[string]any
	var many []map[string]any
	r.call("DELETE", "/v1/images/"+digest+"?force=true", "", &gone)
	r.call("DELETE", "/v1/images?force=true&imageDigests="+digestOf(2)+","+digestOf(9), "", &many)
	if gone["digest"] != digest || gone["status"] != "deleting" || len(many) != 2 || many[0]["digest"] != digestOf(2) || many[1]["status"] != "not_found" {
		t.Errorf("deleted: %v, %v", gone, many)
	}
}

func TestV1AddsImagesInTheOlderWay(t *testing.T) {
	targets := make(chan string, 10)
	e := &engine{resolve: func(target importserver.Target) (importserver.Resolved, error) {
		targets <- target.PullString
		return importserver.Resolved{Digest: digestOf(5), ImageID: digestOf(6)}, nil
	}}
	r := v1Described(start(t, e, options(t.TempDir())))
	r.stop()
	dockerfile := base64.StdEncoding.EncodeToString([]byte("FROM scratch\n"))
	for _, c := range []struct{ name, body, target string }{
		{"a tag", `{"tag":"a:1","dockerfile":"` + dockerfile + `"}`, "docker.io/a:1"},
		{"a tag and a digest", `{"tag":"localhost:5000/a:1","digest":"` + digestOf(5) + `","created_at":"2020-01-01T00:00:00Z"}`, "localhost:5000/a@" + digestOf(5)},
		{"a tag and a pull string", `{"tag":"a:1","digest":"docker.io/a@` + digestOf(5) + `"}`, "docker.io/a@" + digestOf(5)},
		{"a tag and a digest in capitals", `{"tag":"a:1","digest":"sha256:` + strings.ToUpper(digestOf(5)[7:]) + `"}`, "docker.io/a@" + digestOf(5)},
		{"a source with a tag", `{"source":{"tag":{"pullstring":"b:1"}}}`, "docker.io/b:1"},
		{"a source with a digest", `{"source":{"digest":{"pullstring":"b@` + digestOf(5) + `","tag":"b:2","creation_timestamp_override":"0001-01-01T00:00:00Z"}}}`, "docker.io/b@" + digestOf(5)},
	} {
		var images []map[string]any
		r.call("POST", "/v1/images", c.body, &images)
		if got := <-targets; got != c.target || len(images) != 1 || images[0]["imageDigest"] != digestOf(5) {
			t.Errorf("%s: asked for %s: %v", c.name, got, images)
		}
	}
	for name, body := range map[string]string{
		"nothing": `{}`, "a digest alone": `{"digest":"` + digestOf(5) + `"}`, "two ways": `{"tag":"a:1","source":{"tag":{"pullstring":"a:1"}}}`,
		"a wrong type": `{"tag":1}`, "no JSON": `{`, "a list": `[]`, "a key twice": `{"tag":"a:1","tag":"b:1"}`,
	} {
		if e := v1Refused(r, "POST", "/v1/images", body, 400); e == nil || (e["type"] == nil) != (name == "nothing" || name == "a digest alone" || name == "two ways") {
			t.Error(name, e)
		}
	}
	for body, place := range map[string]string{
		`{"tag":"a:1","dockerfile":"!!"}`:                           "/dockerfile:",
		`{"source":{"tag":{"pullstring":1}}}`:                       "/source/tag/pullstring:",
		`{"source":{"tag":{"pullstring":"a:1","dockerfile":"!!"}}}`: "/source/tag/dockerfile:",
	} {
		if e := v1Refused(r, "POST", "/v1/images", body, 400); !strings.Contains(fmt.Sprint(e["detail"]), "body "+place) {
			t.Errorf("%s: %v does not name %s", body, e, place)
		}
	}
	if e := v1Refused(r, "POST", "/v1/images", `{"tag":"a:1","annotations":{"a":1}}`, 400); !strings.Contains(fmt.Sprint(e["message"]), `found number at "annotations", where text belongs`) {
		t.Errorf("a number as an annotation: %v", e)
	}
	if e := v1Refused(r, "POST", "/v1/images", `{"tag":"shop/UPPER:1.4"}`, 400); !strings.Contains(toJSON(t, e), `"hint":"write it as docker.io/shop/upper:1.4"`) {
		t.Errorf("a name that no registry can have: %v", e)
	}
	resp, _ := r.request("POST", "/v1/images", strings.NewReader(`{}`), func(r *http.Request) { r.Header.Del("Authorization") })
	if resp.StatusCode != 401 {
		t.Errorf("a body is looked at before the password: %d", resp.StatusCode)
	}
}

func TestV1Reports(t *testing.T) {
	r, digest := v1Imported(t, "docker.io/a:1")
	id := "/v1/images/by_id/" + digestOf(1<<20)
	var kinds []string
	var v struct {
		ImageDigest     string
		Vulnerabilities []map[string]any
	}
	var checks []map[string]map[string][]struct {
		PolicyID, Status string
		Detail           struct {
			Result struct {
				FinalAction string `json:"final_action"`
				ImageID     string `json:"image_id"`
				UserID      string `json:"user_id"`
				Result      map[string]json.RawMessage
			}
			Policy struct {
				Version  string
				Policies []map[string]any
				Mappings []struct {
					PolicyIDs []string `json:"policy_ids"`
				}
			}
		}
	}
	for _, base := range []string{"/v1/images/" + digest, id} {
		r.call("GET", base+"/vuln", "", &kinds)
		r.call("GET", base+"/vuln/all?vendor_only=False", "", &v)
		if len(kinds) != 3 || v.ImageDigest != digest || len(v.Vulnerabilities) != 1 || v.Vulnerabilities[0]["package_cpe23"] == nil || v.Vulnerabilities[0]["fix"] != "3.0.2-1" {
			t.Errorf("%s: %v %+v", base, kinds, v)
		}
		checks = nil
		r.call("GET", base+"/check?tag=docker.io/a:1&detail=true", "", &checks)
		if len(checks) != 1 || len(checks[0][digest]["docker.io/a:1"]) != 1 {
			t.Fatalf("%s: %+v", base, checks)
		}
		one := checks[0][digest]["docker.io/a:1"][0]
		if one.PolicyID != "default" || one.Status != "fail" || one.Detail.Result.FinalAction != "stop" || one.Detail.Result.UserID != "admin" ||
			one.Detail.Policy.Version != "1_0" || one.Detail.Policy.Mappings == nil {
			t.Errorf("%s: %+v", base, one)
		}
		var table struct {
			Result struct {
				Header []string
				Rows   [][]any
				Count  int `json:"row_count"`
			}
		}
		if err := json.Unmarshal(one.Detail.Result.Result[one.Detail.Result.ImageID], &table); err != nil || len(table.Result.Header) != 9 {
			t.Errorf("%s: %v %+v", base, err, table)
		}
	}
	checks = nil
	r.call("GET", id+"/check?tag=docker.io/a:1&detail=false", "", &checks)
	if one := checks[0][digest]["docker.io/a:1"][0]; one.Detail.Result.FinalAction != "" {
		t.Errorf("without detail: %+v", one)
	}
	v1Refused(r, "GET", id+"/check", "", 400)
}

func TestV1Contents(t *testing.T) {
	r, digest := v1Imported(t, "docker.io/a:1")
	for _, base := range []string{"/v1/images/" + digest, "/v1/images/by_id/" + digestOf(1<<20)} {
		var kinds []string
		r.call("GET", base+"/content", "", &kinds)
		for _, c := range []struct {
			kind string
			n    int
		}{{"os", 1}, {"npm", 1}, {"files", 2}, {"java", 0}} {
			var got struct {
				ImageDigest string
				Type        string `json:"content_type"`
				Content     []map[string]any
			}
			r.call("GET", base+"/content/"+c.kind, "", &got)
			if got.ImageDigest != digest || got.Type != c.kind || len(got.Content) != c.n {
				t.Errorf("%s/content/%s: %+v", base, c.kind, got)
			}
			if c.kind == "os" && got.Content[0]["license"] != "Apache-2.0" {
				t.Errorf("%s: %v", c.kind, got.Content)
			}
		}
	}
	var m struct {
		ImageDigest string
		Metadata    string
	}
	r.call("GET", "/v1/images/"+digest+"/metadata/dockerfile", "", &m)
	if file, _ := base64.StdEncoding.DecodeString(m.Metadata); m.ImageDigest != digest || string(file) != "FROM scratch\n" {
		t.Errorf("%+v", m)
	}
	b := newBundle(t, image{digest: digestOf(2), tags: []string{"docker.io/b:1"}})
	defer b.Close()
	if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(digestOf(2), "analyzed")
	for _, a := range []string{"retrieved_files", "secret_search"} {
		var list []map[string]any
		r.call("GET", "/v1/images/"+digestOf(2)+"/artifacts/"+a, "", &list)
		if len(list) != 1 || list[0]["path"] == nil {
			t.Errorf("%s: %v", a, list)
		}
		v1Refused(r, "GET", "/v1/images/"+digest+"/artifacts/"+a, "", 404) // none were looked for
	}
	resp, text := r.request("GET", "/v1/images/"+digest+"/sboms/native", nil, nil)
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil || resp.Header.Get("Content-Type") != "application/gzip" {
		t.Fatalf("%v %v", err, resp.Header)
	}
	if sbom, err := io.ReadAll(z); err != nil || string(sbom) != document {
		t.Errorf("%v %.100s", err, sbom)
	}
	v1Refused(r, "GET", "/v1/images/"+digestOf(9)+"/sboms/native", "", 404)
	v1Refused(r, "GET", "/v1/images/"+digestOf(9)+"/content/files", "", 404)
	v1Refused(r, "GET", "/v1/images/nothing/content/files", "", 400)
}

// v1Has asks for something and sees to it that the answer has keys, and not others.
func v1Has(r *running, method, path, body string, keys, absent []string) any {
	r.t.Helper()
	var v any
	r.call(method, path, body, &v)
	text := toJSON(r.t, v)
	for _, key := range keys {
		if !strings.Contains(text, `"`+key+`":`) {
			r.t.Errorf("%s %s: there is no %s in %.1000s", method, path, key, text)
		}
	}
	for _, key := range absent {
		if strings.Contains(text, `"`+key+`":`) {
			r.t.Errorf("%s %s: there is %s in %.1000s", method, path, key, text)
		}
	}
	return v
}

// v1One is v1Has for a list of one.
func v1One(r *running, method, path, body string, keys, absent []string) map[string]any {
	r.t.Helper()
	list, _ := v1Has(r, method, path, body, keys, absent).([]any)
	if len(list) != 1 {
		r.t.Fatalf("%s %s: %v is no list of one", method, path, list)
	}
	one, _ := list[0].(map[string]any)
	return one
}

func TestV1Policies(t *testing.T) {
	r := v1Described(start(t, &engine{}, options(t.TempDir())))
	bundle := `{"id":"b","version":"1_0","name":"b","comment":"c",
		"policies":[{"id":"p","name":"p","version":"1_0","rules":[{"id":"r","gate":"always","trigger":"always","action":"STOP","params":[]}]}],
		"whitelists":[{"id":"w","name":"w","version":"1_0","items":[]}],
		"mappings":[{"id":"m","name":"m","policy_ids":["p"],"whitelist_ids":["w"],"registry":"*","repository":"*","image":{"type":"tag","value":"*"}}],
		"whitelisted_images":[],"blacklisted_images":[]}`
	added := v1Has(r, "POST", "/v1/policies", bundle, []string{"policyId", "userId", "policybundle", "policies", "whitelist_ids", "comment"}, []string{"policy_id", "rule_sets", "policy"})
	v1Has(r, "GET", "/v1/policies?detail=false", "", []string{"policyId"}, []string{"policybundle", "policy"})
	one := v1One(r, "GET", "/v1/policies/b?detail=true", "", []string{"policyId", "policybundle"}, []string{"rule_sets"})
	var sent, got map[string]any
	if err := json.Unmarshal([]byte(bundle), &sent); err != nil {
		t.Fatal(err)
	}
	if got, _ = one["policybundle"].(map[string]any); toJSON(t, got) != toJSON(t, sent) {
		t.Errorf("the bundle comes back as\n%s\nnot\n%s", toJSON(t, got), toJSON(t, sent))
	}
	record := added.(map[string]any)
	record["active"] = true
	if one := v1One(r, "PUT", "/v1/policies/b?active=true", toJSON(t, record), []string{"policyId"}, nil); one["active"] != true {
		t.Errorf("it is not active: %v", one)
	}
	v1Refused(r, "DELETE", "/v1/policies/b", "", 409)
	r.call("PUT", "/v1/policies/default?active=true", `{}`, nil)
	if gone, text := r.request("DELETE", "/v1/policies/b", nil, nil); gone.StatusCode != 200 {
		t.Errorf("deleted: %d %s", gone.StatusCode, text)
	}
	v1Refused(r, "GET", "/v1/policies/b", "", 404)
	v1Refused(r, "POST", "/v1/policies", `{"id":"b"}`, 400)
	v1Has(r, "GET", "/v1/system/policy_spec", "", nil, []string{"superseded_by", "items"})
}

func TestV1SubscriptionsAndRegistries(t *testing.T) {
	r := v1Described(start(t, &engine{}, options(t.TempDir())))
	one := v1One(r, "POST", "/v1/subscriptions", `{"subscription_key":"docker.io/a:1","subscription_type":"vuln_update","active":true}`,
		[]string{"userId", "subscription_id"}, []string{"account_name"})
	path := "/v1/subscriptions/" + one["subscription_id"].(string)
	v1One(r, "GET", "/v1/subscriptions?subscription_type=vuln_update", "", []string{"userId"}, nil)
	if one = v1One(r, "PUT", path, `{"active":false}`, []string{"userId"}, nil); one["active"] != false {
		t.Errorf("it was changed to %v", one)
	}
	v1One(r, "GET", path, "", []string{"userId"}, nil)
	if resp, _ := r.request("DELETE", path, nil, nil); resp.StatusCode != 200 {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	v1Refused(r, "GET", path, "", 404)

	body := `{"registry":"localhost:5000/team/*","registry_user":"u","registry_pass":"p","registry_type":"docker_v2","registry_verify":false}`
	v1One(r, "POST", "/v1/registries?validate=false", body, []string{"userId", "last_upated"}, []string{"registry_pass", "last_updated"})
	path = "/v1/registries/localhost:5000%2Fteam%2F*"
	v1One(r, "GET", path, "", []string{"last_upated"}, nil)
	v1One(r, "PUT", path+"?validate=false", body, []string{"last_upated"}, nil)
	v1One(r, "GET", "/v1/registries", "", []string{"last_upated"}, nil)
	if resp, _ := r.request("DELETE", path, nil, nil); resp.StatusCode != 200 {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	v1Refused(r, "GET", path, "", 404)
	v1Refused(r, "POST", "/v1/repositories", "", 400)
}

func TestV1EventsAndQueries(t *testing.T) {
	r, digest := v1Imported(t, "docker.io/a:1")
	v1Has(r, "GET", "/v1/events?source_servicename=x", "", []string{"item_count", "next_page"}, []string{"generated_uuid"})
	page := v1Has(r, "GET", "/v1/events?limit=1", "", []string{"generated_uuid", "servicename", "hostid", "user_id"}, []string{"event_id", "account_name"})
	id := page.(map[string]any)["results"].([]any)[0].(map[string]any)["generated_uuid"].(string)
	v1Has(r, "GET", "/v1/events/"+id, "", []string{"generated_uuid"}, nil)
	if resp, _ := r.request("DELETE", "/v1/events/"+id, nil, nil); resp.StatusCode != 200 {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	v1Refused(r, "GET", "/v1/events/"+id, "", 404)
	v1Has(r, "DELETE", "/v1/events?level=error", "", nil, nil)
	v1Has(r, "GET", "/v1/event_types", "", []string{"category", "subcategories", "events"}, []string{"items"})
	for _, query := range []string{"by_package?name=openssl", "by_vulnerability?vulnerability_id=CVE-1 by sha256:one"} {
		v := v1Has(r, "GET", "/v1/query/images/"+strings.ReplaceAll(query, " ", "%20"), "", []string{"imageDigest", "digest", "fulltag", "pullstring", "tag_history", "returned_count"}, nil)
		if !strings.Contains(toJSON(t, v), digest) {
			t.Errorf("%s: %v", query, v)
		}
	}
	v1Has(r, "GET", "/v1/query/vulnerabilities?id=CVE-0", "", []string{"vulnerabilities"}, nil)
	v1Refused(r, "GET", "/v1/query/images/by_package", "", 400)
}

func TestV1System(t *testing.T) {
	r := v1Described(start(t, &engine{}, options(t.TempDir())))
	v1Has(r, "GET", "/v1/system", "", []string{"service_states", "servicename", "hostid"}, []string{"service_name"})
	r.call("GET", "/v1/system/feeds", "", &[]any{})
	var token struct{ Token string }
	resp, text := r.request("POST", "/v1/oauth/token", strings.NewReader("grant_type=password&username=admin&password="+password+"&client_id=anonymous"), func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if err := json.Unmarshal([]byte(text), &token); err != nil || token.Token == "" {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	resp, text = r.request("GET", "/v1/user", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.Token) })
	if resp.StatusCode != 200 || !strings.Contains(text, `"admin"`) {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

func TestV1Accounts(t *testing.T) {
	r := v1Described(start(t, &engine{}, options(t.TempDir())))
	v1Has(r, "POST", "/v1/accounts", `{"name":"one","email":"a@b.example"}`, []string{"name", "state", "email"}, nil)
	v1Has(r, "POST", "/v1/accounts/one/users", `{"username":"someone","password":"of-someone"}`, []string{"username"}, nil)
	r.call("GET", "/v1/accounts", "", &[]any{})
	v1One(r, "GET", "/v1/accounts/one/users", "", []string{"username"}, []string{"of-someone"})
	v1Has(r, "GET", "/v1/accounts/one/users/someone", "", []string{"username"}, nil)
	v1Has(r, "POST", "/v1/accounts/one/users/someone/credentials", `{"type":"password","value":"of-someone-2"}`, []string{"username"}, nil)
	v1One(r, "GET", "/v1/accounts/one/users/someone/credentials", "", []string{"type"}, nil)
	v1Has(r, "GET", "/v1/account", "", []string{"name"}, nil)
	r.call("PUT", "/v1/accounts/one/state", `{"state":"disabled"}`, nil)
	for _, path := range []string{"/v1/accounts/one/users/someone", "/v1/accounts/one"} {
		if resp, text := r.request("DELETE", path, nil, nil); resp.StatusCode != 204 || text != "" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
	v1Refused(r, "GET", "/v1/accounts/none", "", 404)
	v1Refused(r, "POST", "/v1/accounts", `{"name":"admin","email":"a@b.example"}`, 409)
}
