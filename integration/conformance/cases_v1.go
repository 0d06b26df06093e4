package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// older asks for an operation of version 1, and checks the answer's form.
func (r *Run) older(op string, o Options) *Answer {
	a := &Answer{run: r, Body: []byte("null")}
	d, err := openapi.Older()
	if err != nil || d.Operation(op) == nil {
		r.Failf("there is no operation %s in version 1: %v", op, err)
		return a
	}
	described := d.Operation(op)
	path := described.Path
	for name, value := range o.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	a = r.send(described.Method, path, o)
	id := "v1:" + op
	if r.seen[id] == nil {
		r.seen[id] = map[int]bool{}
	}
	r.seen[id][a.Code] = true
	switch {
	case o.NoCheck || a.Code == 0 || a.Code == http.StatusUnauthorized:
	case a.Code == http.StatusBadRequest && a.Header.Get("Content-Type") == "application/problem+json":
		var e struct {
			Type, Title, Detail string
			Status              int
		}
		if a.JSON(&e); e.Type == "" || e.Title == "" || e.Detail == "" || e.Status != a.Code {
			r.Failf("%s: %.300s is no problem of version 1", op, a.Body)
		}
	case a.Code >= 400:
		var e struct {
			Message string
			Code    int `json:"httpcode"`
			Detail  struct {
				Codes []string `json:"error_codes"`
			}
		}
		if a.JSON(&e); e.Message == "" || e.Code != a.Code || e.Detail.Codes == nil {
			r.Failf("%s: %.300s is not version 1's error", op, a.Body)
		}
	default:
		if err := described.Response(a.Code, a.Header, a.Body); err != nil {
			r.Failf("%v", err)
		}
	}
	return a
}

// oneOf asks for what must be a list of one.
func (r *Run) oneOf(op string, o Options) map[string]any {
	var list []map[string]any
	if r.older(op, o).JSON(&list); len(list) != 1 {
		r.Failf("%s: %v is no list of one", op, list)
		return map[string]any{}
	}
	return list[0]
}

// speaks tells whether the server speaks version 1.
func (r *Run) speaks() bool {
	a := r.send("GET", "/v1/", Options{Expect: -1})
	r.failures = nil
	if a.Code == http.StatusNotFound {
		r.Skip("this server does not speak version 1")
		return false
	}
	return true
}

// v1Case is a case for servers that speak version 1.
func v1Case(op, name string, do func(*Run)) Case {
	return Case{"v1:" + op, name, func(r *Run) {
		if r.speaks() {
			do(r)
		}
	}}
}

// v1Open are the operations that ask for no password.
var v1Open = []string{"health_check", "version_check", "get_oauth_token"}

var v1Cases = []Case{
	v1Case("ping", "clients find out what is spoken", func(r *Run) {
		var version string
		if r.older("ping", Options{}).JSON(&version); version != "v1" {
			r.Failf("it answers %q", version)
		}
		if a := r.send("GET", "/v1", Options{}); strings.TrimSpace(string(a.Body)) != `"v1"` {
			r.Failf("without a slash it answers %q", a.Body)
		}
		for _, path := range []string{"/swagger.json", "/v1/swagger.json"} {
			var d struct{ Info struct{ Version string } }
			if r.send("GET", path, Options{Nobody: true}).JSON(&d); patchOf(d.Info.Version) < 6 {
				r.Failf("%s: version %q has clients ask with the bodies of GETs", path, d.Info.Version)
			}
		}
		r.older("health_check", Options{Nobody: true})
		r.older("version_check", Options{Nobody: true})
	}),
	v1Case("add_image", "an image is imported, listed, read and deleted", v1Image),
	v1Case("add_image", "what names no image is refused", func(r *Run) {
		for _, body := range []string{
			`{}`, `{"digest":"` + randomDigest() + `"}`, `{"tag":"a:1","source":{"tag":{"pullstring":"a:1"}}}`, `{"tag":1}`, `[]`, `{`, `{"source":{}}`,
		} {
			r.older("add_image", Options{Body: body, Expect: http.StatusBadRequest})
		}
		r.older("add_image", Options{Body: map[string]any{"tag": closedPort + "/" + unique() + ":1"}, Expect: http.StatusBadRequest})
	}),
	v1Case("create_operation", "an import is opened, shown and given up", func(r *Run) {
		var o struct{ UUID, Status string }
		r.older("create_operation", Options{}).JSON(&o)
		path := map[string]string{"operation_id": o.UUID}
		var all []struct{ UUID string }
		r.older("list_operations", Options{}).JSON(&all)
		if !slices.ContainsFunc(all, func(x struct{ UUID string }) bool { return x.UUID == o.UUID }) {
			r.Failf("it is not in the list")
		}
		r.older("get_operation", Options{Path: path})
		r.older("import_image_parent_manifest", Options{Path: path, Body: `{"schemaVersion":2,"manifests":[]}`})
		for _, op := range []string{"list_import_packages", "list_import_image_manifests", "list_import_image_configs", "list_import_parent_manifests", "list_import_dockerfiles"} {
			r.older(op, Options{Path: path})
			r.older(op, Options{Path: map[string]string{"operation_id": "none"}, Expect: http.StatusNotFound})
		}
		r.older("invalidate_operation", Options{Path: path})
		r.older("import_image_packages", Options{Path: path, Body: `{}`, Expect: http.StatusConflict})
		r.older("get_operation", Options{Path: map[string]string{"operation_id": "none"}, Expect: http.StatusNotFound})
	}),
	v1Case("add_policy", "a bundle comes back in the words it was sent in", func(r *Run) {
		id := unique()
		path := map[string]string{"policyId": id}
		bundle := map[string]any{
			"id": id, "name": id, "version": "1_0", "comment": "c", "whitelisted_images": []any{}, "blacklisted_images": []any{},
			"policies": []any{map[string]any{"id": "p", "name": "p", "version": "1_0", "rules": []any{
				map[string]any{"id": "r", "gate": "always", "trigger": "always", "action": "STOP", "params": []any{}},
			}}},
			"whitelists": []any{map[string]any{"id": "w", "name": "w", "version": "1_0", "items": []any{}}},
			"mappings": []any{map[string]any{
				"id": "m", "name": "m", "policy_ids": []any{"p"}, "whitelist_ids": []any{"w"}, "registry": "*", "repository": "*",
				"image": map[string]any{"type": "tag", "value": "*"},
			}},
		}
		r.older("add_policy", Options{Body: bundle})
		sent, _ := json.Marshal(bundle)
		got, _ := json.Marshal(r.oneOf("get_policy", Options{Path: path, Query: url.Values{"detail": {"true"}}})["policybundle"])
		if string(sent) != string(got) {
			r.Failf("%s came back as %s", sent, got)
		}
		r.older("list_policies", Options{Query: url.Values{"detail": {"false"}}})
		bundle["comment"] = "d"
		r.oneOf("update_policy", Options{Path: path, Body: map[string]any{"policyId": id, "active": false, "policybundle": bundle}})
		r.older("update_policy", Options{Path: path, Body: map[string]any{"policyId": "other", "policybundle": bundle}, Expect: http.StatusBadRequest})
		r.older("delete_policy", Options{Path: path})
		r.older("get_policy", Options{Path: path, Expect: http.StatusNotFound})
		r.older("add_policy", Options{Body: `{"id":"x"}`, Expect: http.StatusBadRequest})
	}),
	v1Case("add_subscription", "a subscription is kept, changed and deleted", func(r *Run) {
		key := "docker.io/" + unique() + ":1"
		one := r.oneOf("add_subscription", Options{Body: map[string]any{"subscription_key": key, "subscription_type": "vuln_update", "active": true}})
		id, _ := one["subscription_id"].(string)
		path := map[string]string{"subscriptionId": id}
		if one["active"] != true {
			r.Failf("it is kept as %v", one)
		}
		r.oneOf("list_subscriptions", Options{Query: url.Values{"subscription_key": {key}}})
		if one = r.oneOf("update_subscription", Options{Path: path, Body: map[string]any{"active": false}}); one["active"] != false {
			r.Failf("it is changed to %v", one)
		}
		r.oneOf("get_subscription", Options{Path: path})
		r.older("delete_subscription", Options{Path: path})
		r.older("get_subscription", Options{Path: path, Expect: http.StatusNotFound})
		r.older("add_repository", Options{Expect: http.StatusBadRequest})
	}),
	v1Case("create_registry", "a login is kept, changed and deleted", func(r *Run) {
		registry := unique() + ".example:5000/team/*"
		body := map[string]any{"registry": registry, "registry_user": "u", "registry_pass": registryPassword, "registry_type": "docker_v2", "registry_verify": true}
		path := map[string]string{"registry": registry}
		r.oneOf("create_registry", Options{Query: unasked, Body: body})
		r.oneOf("get_registry", Options{Path: path})
		r.oneOf("update_registry", Options{Path: path, Query: unasked, Body: body})
		if a := r.older("list_registries", Options{}); strings.Contains(string(a.Body), registryPassword) {
			r.Failf("an answer tells the password")
		}
		r.older("delete_registry", Options{Path: path})
		r.older("get_registry", Options{Path: path, Expect: http.StatusNotFound})
	}),
	v1Case("list_events", "events are listed, read and deleted", func(r *Run) {
		name := r.lookupFails()
		var page struct {
			Results []struct {
				ID string `json:"generated_uuid"`
			}
		}
		r.older("list_events", Options{Query: url.Values{"resource_id": {name}, "source_servicename": {""}, "limit": {"1"}}}).JSON(&page)
		if len(page.Results) != 1 {
			r.Failf("there are %d events", len(page.Results))
			return
		}
		path := map[string]string{"eventId": page.Results[0].ID}
		r.older("get_event", Options{Path: path})
		r.older("delete_event", Options{Path: path})
		r.older("get_event", Options{Path: path, Expect: http.StatusNotFound})
		r.older("delete_events", Options{Query: url.Values{"before": {"2000-01-01T00:00:00Z"}}})
		r.older("list_event_types", Options{})
	}),
	v1Case("query_images_by_package", "queries find nothing where there is nothing", func(r *Run) {
		r.older("query_images_by_package", Options{Query: url.Values{"name": {unique()}}})
		r.older("query_images_by_vulnerability", Options{Query: url.Values{"vulnerability_id": {unique()}}})
		r.older("query_vulnerabilities", Options{Query: url.Values{"id": {unique()}}})
		for _, op := range []string{"query_images_by_package", "query_images_by_vulnerability", "query_vulnerabilities"} {
			r.older(op, Options{Expect: http.StatusBadRequest})
		}
	}),
	v1Case("get_status", "the system shows itself", func(r *Run) {
		for _, op := range []string{
			"get_status", "get_service_detail", "list_services", "get_system_feeds", "describe_policy", "describe_error_codes", "get_users_account", "get_user", "get_credentials",
		} {
			r.older(op, Options{})
		}
	}),
	v1Case("create_account", "an account lives and ends", func(r *Run) {
		name, failed := unique(), len(r.failures)
		if a := r.older("create_account", Options{Body: map[string]any{"name": name, "email": "a@example.com"}, NoCheck: true}); a.Code == http.StatusNotImplemented {
			r.failures = r.failures[:failed]
			r.Skip("this server has no accounts but the first")
			return
		}
		account := map[string]string{"accountname": name}
		user := map[string]string{"accountname": name, "username": name}
		r.older("list_accounts", Options{})
		r.older("get_account", Options{Path: account})
		r.older("create_user", Options{Path: account, Body: map[string]any{"username": name, "password": strangerPassword}})
		r.older("list_users", Options{Path: account})
		r.older("get_account_user", Options{Path: user})
		r.older("list_user_credentials", Options{Path: user})
		r.older("create_user_credential", Options{Path: user, Body: map[string]any{"type": "password", "value": strangerPassword + "2"}})
		r.older("get_user", Options{User: name, Pass: strangerPassword + "2"})
		r.older("delete_account", Options{Path: account, Expect: http.StatusBadRequest})
		r.older("update_account_state", Options{Path: account, Body: map[string]any{"state": "disabled"}})
		r.older("delete_user", Options{Path: user, Expect: http.StatusNoContent})
		r.older("delete_account", Options{Path: account, Expect: http.StatusNoContent})
	}),
	v1Case("get_oauth_token", "a password is changed for a token", func(r *Run) {
		form := url.Values{"grant_type": {"password"}, "username": {r.user}, "password": {r.password}, "client_id": {"anonymous"}}
		var token struct{ Token string }
		r.older("get_oauth_token", Options{Nobody: true, Body: form.Encode(), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}).JSON(&token)
		r.older("get_user", Options{Nobody: true, Header: http.Header{"Authorization": {"Bearer " + token.Token}}})
	}),
	v1Case("ping", "nobody is told anything without a password", func(r *Run) {
		d, err := openapi.Older()
		if err != nil {
			r.Failf("%v", err)
			return
		}
		for _, o := range d.Operations() {
			if slices.Contains(v1Open, o.ID) {
				continue
			}
			path := map[string]string{}
			for _, name := range o.PathParameters() {
				path[name] = "none"
			}
			r.older(o.ID, Options{Path: path, Nobody: true, Expect: http.StatusUnauthorized})
		}
	}),
	v1Case("get_image", "what is not there is not found", func(r *Run) {
		for _, op := range []string{
			"get_image", "get_image_by_imageId", "get_image_vulnerability_types", "list_image_content", "list_image_metadata", "list_secret_search_results",
			"list_file_content_search_results", "list_retrieved_files", "get_image_content_by_type_files", "get_image_sbom_native",
			"get_image_content_by_type_imageId_files", "delete_image_by_imageId",
		} {
			digest := randomDigest()
			r.older(op, Options{Path: map[string]string{"imageDigest": digest, "imageId": strings.TrimPrefix(digest, "sha256:")}, Expect: http.StatusNotFound})
		}
		r.older("list_images", Options{Query: url.Values{"fulltag": {"docker.io/" + unique() + ":1"}}, Expect: http.StatusNotFound})
		r.older("get_image", Options{Path: map[string]string{"imageDigest": "none"}, Expect: http.StatusBadRequest})
		if a := r.send("GET", "/v1/"+unique(), Options{Expect: http.StatusNotFound}); !strings.Contains(string(a.Body), `"httpcode"`) {
			r.Failf("a route that is none: %s", a.Body)
		}
		r.send("PATCH", "/v1/images", Options{Expect: http.StatusMethodNotAllowed})
	}),
}

// v1Image brings an image, reads all of it in every way, and deletes it.
func v1Image(r *Run) {
	made := Imported{Layers: []string{randomDigest()}, Packages: []string{"left-pad"}}
	tag, digest, id := "registry.example/"+unique()+":1", randomDigest(), randomDigest()
	var o struct{ UUID string }
	r.older("create_operation", Options{}).JSON(&o)
	contents := map[string]string{}
	for _, part := range []struct{ op, name, kind, text string }{
		{"import_image_packages", "packages", "application/json", made.document()},
		{"import_image_manifest", "manifest", "application/vnd.oci.image.manifest.v1+json",
			`{"schemaVersion":2,"config":{"digest":"` + id + `","size":1},"layers":` + made.each(`{"digest":"%s","size":1000,"mediaType":"application/vnd.oci.image.layer.v1.tar"}`) + `}`},
		{"import_image_config", "image_config", "application/json", `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":` + made.each(`"%s"`) + `}}`},
		{"import_image_dockerfile", "dockerfile", "application/json", "FROM scratch\n"},
	} {
		var kept struct{ Digest string }
		r.older(part.op, Options{Path: map[string]string{"operation_id": o.UUID}, Body: part.text, Header: http.Header{"Content-Type": {part.kind}}}).JSON(&kept)
		contents[part.name] = kept.Digest
	}
	one := r.oneOf("add_image", Options{Body: map[string]any{"image_type": "docker", "created_at": "0001-01-01T00:00:00Z", "source": map[string]any{"import": map[string]any{
		"operation_uuid": o.UUID, "digest": digest, "local_image_id": id, "tags": []string{tag}, "contents": contents,
	}}}})
	if one["imageDigest"] != digest {
		r.Failf("it was added as %v", one)
		return
	}
	byDigest := map[string]string{"imageDigest": digest, "ctype": "npm", "mtype": "dockerfile", "vtype": "all"}
	byID := map[string]string{"imageId": id, "ctype": "npm", "mtype": "dockerfile", "vtype": "all"}
	force := url.Values{"force": {"true"}}
	for n := 0; one["analysis_status"] != "analyzed"; n++ {
		if n > 300 || one["analysis_status"] == "analysis_failed" || r.Context.Err() != nil {
			r.Failf("it stays %v", one["analysis_status"])
			return
		}
		time.Sleep(100 * time.Millisecond)
		one = r.oneOf("get_image", Options{Path: byDigest})
	}
	r.older("list_images", Options{})
	r.oneOf("list_images", Options{Query: url.Values{"fulltag": {tag}, "history": {"true"}}})
	if one := r.oneOf("list_images", Options{Body: map[string]any{"tag": tag}}); one["imageDigest"] != digest {
		r.Failf("by the body of a GET there is %v", one)
	}
	r.older("list_imagetags", Options{})
	checked := url.Values{"tag": {tag}, "detail": {"true"}}
	for _, by := range []struct {
		path map[string]string
		ops  []string
	}{
		{byDigest, []string{
			"get_image_vulnerability_types", "get_image_vulnerabilities_by_type", "list_image_content", "get_image_content_by_type", "get_image_content_by_type_files",
			"get_image_content_by_type_javapackage", "list_image_metadata", "get_image_metadata_by_type", "get_image_sbom_native",
		}},
		{byID, []string{
			"get_image_by_imageId", "get_image_vulnerability_types_by_imageId", "get_image_vulnerabilities_by_type_imageId", "list_image_content_by_imageid",
			"get_image_content_by_type_imageId", "get_image_content_by_type_imageId_files", "get_image_content_by_type_imageId_javapackage",
		}},
	} {
		for _, op := range by.ops {
			r.older(op, Options{Path: by.path})
		}
	}
	for op, path := range map[string]map[string]string{"get_image_policy_check": byDigest, "get_image_policy_check_by_imageId": byID} {
		list := r.oneOf(op, Options{Path: path, Query: checked})
		tags, _ := list[digest].(map[string]any)
		if all, _ := tags[tag].([]any); len(all) != 1 {
			r.Failf("%s: %v", op, list)
		}
		r.older(op, Options{Path: path, Expect: http.StatusBadRequest}) // no tag
	}
	r.older("delete_image_by_imageId", Options{Path: byID, Query: force})
	r.older("delete_images_async", Options{Query: url.Values{"imageDigests": {randomDigest()}, "force": {"true"}}})
	r.older("delete_image", Options{Path: map[string]string{"imageDigest": randomDigest()}, Query: force, Expect: http.StatusNotFound})
}

// patchOf is the last number of a version 0.1.N; 0 for any other.
func patchOf(version string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(version, "0.1."))
	return n
}
