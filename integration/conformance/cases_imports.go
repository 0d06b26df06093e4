package main

import (
	"net/http"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

// parts are the operations that take a part of an import, with what they take.
var parts = []struct{ upload, list, kind, body string }{
	{"import_image_packages", "list_import_packages", "application/json", `{"artifacts":[],"source":{"type":"image"},"distro":{},"schema":{"version":"16"}}`},
	{"import_image_manifest", "list_import_image_manifests", "application/vnd.oci.image.manifest.v1+json", `{"schemaVersion":2,"layers":[]}`},
	{"import_image_parent_manifest", "list_import_parent_manifests", "application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"manifests":[]}`},
	{"import_image_config", "list_import_image_configs", "application/json", `{"architecture":"amd64","os":"linux"}`},
	{"import_image_dockerfile", "list_import_dockerfiles", "text/plain", "FROM scratch\n"},
	{"import_secret_searches", "list_import_secret_searches", "application/json", `[]`},
	{"import_content_searches", "list_import_content_searches", "application/json", `[]`},
	{"import_file_contents", "list_import_file_contents", "application/json", `[]`},
	{"import_image_sbom", "", "application/json", `{"artifacts":[],"source":{"type":"image"},"distro":{},"schema":{"version":"16"}}`},
}

func operationPath(id string) map[string]string { return map[string]string{"operation_id": id} }

var importsCases = []Case{
	{"create_operation", "an import takes its parts, lists them, and is given up", func(r *Run) {
		var o wire.Operation
		r.Call("create_operation", Options{Body: "{}"}).JSON(&o)
		if o.UUID == "" || o.Status != wire.OperationPending || !o.ExpiresAt.After(o.CreatedAt) {
			r.Failf("it begins as %+v", o)
		}
		var list []wire.Operation
		listed := false
		r.Call("list_operations", Options{}).JSON(&list)
		for _, l := range list {
			listed = listed || l.UUID == o.UUID
		}
		if !listed {
			r.Failf("it is not in the list")
		}
		path, none := operationPath(o.UUID), operationPath("00000000-0000-4000-8000-000000000000")
		r.Call("get_operation", Options{Path: path})
		for _, p := range parts {
			header := http.Header{"Content-Type": {p.kind}}
			var first, again wire.Upload
			r.Call(p.upload, Options{Path: path, Body: p.body, Header: header}).JSON(&first)
			r.Call(p.upload, Options{Path: path, Body: p.body, Header: http.Header{"Content-Type": {"application/json"}}}).JSON(&again)
			if len(first.Digest) != 64 || first.Digest != again.Digest {
				r.Failf("%s: the same bytes are %s and %s", p.upload, first.Digest, again.Digest)
			}
			r.Call(p.upload, Options{Path: none, Body: p.body, Header: header, Expect: http.StatusNotFound})
			r.Call(p.upload, Options{Path: path, Body: "x", Header: http.Header{"Content-Type": {p.kind}, "Content-Encoding": {"gzip"}}, Expect: http.StatusBadRequest})
			r.Call(p.upload, Options{Path: path, Body: p.body, Header: http.Header{"Content-Type": {p.kind}, "Content-Encoding": {"br"}}, Expect: http.StatusUnsupportedMediaType})
			if p.list == "" {
				continue
			}
			var records []wire.PartRecord
			r.Call(p.list, Options{Path: path}).JSON(&records)
			listed := false
			for _, rec := range records {
				listed = listed || rec.Digest == first.Digest
			}
			if !listed {
				r.Failf("%s: %+v lacks %s", p.list, records, first.Digest)
			}
			r.Call(p.list, Options{Path: none, Expect: http.StatusNotFound})
		}
		r.Call("invalidate_operation", Options{Path: path}).JSON(&o)
		if o.Status != wire.OperationInvalidated {
			r.Failf("it was given up, and is %s", o.Status)
		}
		for _, p := range parts {
			r.Call(p.upload, Options{Path: path, Body: p.body, Header: http.Header{"Content-Type": {p.kind}}, Expect: http.StatusConflict})
		}
		r.Call("add_image", Options{Body: adding("import", map[string]any{
			"operation_uuid": o.UUID, "digest": randomDigest(), "tags": []string{"a:1"},
			"contents": map[string]string{"packages": randomDigest(), "manifest": randomDigest(), "image_config": randomDigest()},
		}), Expect: http.StatusConflict})
		r.Call("get_operation", Options{Path: none, Expect: http.StatusNotFound})
		r.Call("invalidate_operation", Options{Path: none, Expect: http.StatusNotFound})
		r.Call("create_operation", Options{Body: "{", Expect: http.StatusBadRequest})
	}},
	{"add_image", "an import of what is known changes nothing, and says so", func(r *Run) {
		tag := "registry.example/" + unique() + ":1"
		digest, gone := r.Imported(Imported{Name: tag})
		defer gone()
		var o wire.Operation
		r.Call("create_operation", Options{}).JSON(&o)
		contents := map[string]string{}
		for _, p := range parts {
			name, ok := map[string]string{"import_image_packages": "packages", "import_image_manifest": "manifest", "import_image_config": "image_config"}[p.upload]
			if !ok {
				continue
			}
			var u wire.Upload
			r.Call(p.upload, Options{Path: operationPath(o.UUID), Body: p.body, Header: http.Header{"Content-Type": {p.kind}}}).JSON(&u)
			contents[name] = u.Digest // without "sha256:", as it was answered
		}
		body := adding("import", map[string]any{"operation_uuid": o.UUID, "digest": digest, "tags": []string{tag}, "contents": contents})
		a := r.Call("add_image", Options{Body: body})
		var i wire.Image
		if a.JSON(&i); i.Digest != digest || i.Status != wire.Analyzed || !strings.EqualFold(a.Header.Get(wire.KnownHeader), "true") {
			r.Failf("the answer is %+v, and %s is %q", i, wire.KnownHeader, a.Header.Get(wire.KnownHeader))
		}
		var events wire.Events
		r.Call("list_events", Options{Query: map[string][]string{"resource_id": {digest}}}).JSON(&events)
		told := false
		for _, e := range events.Results {
			told = told || e.Event.Type == wire.EventImportUnchanged
		}
		if !told {
			r.Failf("no event tells of it: %+v", events.Results)
		}
		r.Call("add_image", Options{Body: body, Expect: http.StatusConflict})
	}},
}
