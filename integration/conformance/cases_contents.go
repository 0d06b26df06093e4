package main

import (
	"net/http"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

// contentsOf are the operations that tell what is in an image, and what their
// paths need beside its digest.
var contentsOf = map[string]map[string]string{
	"list_secret_search_results": nil, "list_file_content_search_results": nil, "list_retrieved_files": nil,
	"list_image_content": nil, "get_image_content_summary": nil, "get_image_content_by_type_files": nil,
	"get_image_content_by_type_java_package": nil, "get_image_content_by_type_license": nil, "get_image_content_by_type_malware": nil,
	"get_image_content_by_type": {"content_type": "npm"},
	"list_image_metadata":       nil, "get_image_metadata_by_type": {"metadata_type": "manifest"},
	"get_image_sbom_native_json": nil, "get_image_sbom_cyclonedx_json": nil, "get_image_sbom_cyclonedx_xml": nil, "get_image_sbom_spdx_json": nil,
	"get_image_sbom_spdx_tag_value": nil, "get_image_sbom_syft_json": nil, "get_image_sbom_table": nil, "get_image_sbom_text": nil,
}

// missing are operations that have no answer for an image that was imported without
// that evidence.
var missing = map[string]bool{
	"list_secret_search_results": true, "list_file_content_search_results": true, "list_retrieved_files": true,
}

var contentsCases = []Case{
	{"get_image_content_by_type", "what is in an image is told, of every kind and in every format", func(r *Run) {
		name := unique()
		digest, gone := r.Imported(Imported{Packages: []string{name, "other-" + name}})
		defer gone()
		for op, more := range contentsOf {
			path := map[string]string{"image_digest": digest}
			for k, v := range more {
				path[k] = v
			}
			o := Options{Path: path}
			if missing[op] {
				o.Expect = http.StatusNotFound
			}
			a := r.Call(op, o)
			if strings.Contains(op, "sbom") && !strings.Contains(string(a.Body), name) {
				r.Failf("%s: it does not name the package: %.200s", op, a.Body)
			}
			path["image_digest"] = randomDigest()
			r.Call(op, Options{Path: path, Expect: http.StatusNotFound})
			path["image_digest"] = "latest"
			r.Call(op, Options{Path: path, Expect: http.StatusBadRequest})
		}
		var c wire.Content[wire.Package]
		r.Call("get_image_content_by_type", Options{Path: map[string]string{"image_digest": digest, "content_type": "npm"}}).JSON(&c)
		if len(c.Content) != 2 {
			r.Failf("packages: %+v", c)
		}
		r.Call("get_image_content_by_type", Options{Path: map[string]string{"image_digest": digest, "content_type": "none"}, Expect: http.StatusNotFound})
		r.Call("get_image_metadata_by_type", Options{Path: map[string]string{"image_digest": digest, "metadata_type": "none"}, Expect: http.StatusNotFound})
	}},
	{"list_secret_search_results", "what was looked for in an image's files is told", func(r *Run) {
		digest, gone := r.Imported(Imported{Searched: true})
		defer gone()
		for op := range missing {
			if a := r.Call(op, Options{Path: digestPath(digest)}); !strings.Contains(string(a.Body), `"/etc/x"`) {
				r.Failf("%s: %.200q", op, a.Body)
			}
		}
	}},
}
