package main

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

// policyOf is a policy that lets everything pass.
func policyOf(id string) map[string]any {
	return map[string]any{
		"id": id, "name": "of the suite", "version": "2", "allowlists": []any{}, "allowlisted_images": []any{}, "denylisted_images": []any{},
		"rule_sets": []any{map[string]any{"id": "set", "name": "set", "version": "2", "rules": []any{}}},
		"mappings": []any{map[string]any{
			"id": "all", "name": "all", "registry": "*", "repository": "*", "image": map[string]any{"type": "tag", "value": "*"},
			"rule_set_ids": []string{"set"}, "allowlist_ids": []string{},
		}},
	}
}

func policyPath(id string) map[string]string { return map[string]string{"policy_id": id} }

var reportsCases = []Case{
	{"get_image_vulnerabilities_by_digest", "an image's vulnerabilities are told by type, and in each format", func(r *Run) {
		digest, gone := r.Imported(Imported{})
		defer gone()
		var types []string
		r.Call("get_image_vulnerability_types", Options{Path: digestPath(digest)}).JSON(&types)
		if len(types) != 3 {
			r.Failf("the types are %v", types)
		}
		of := func(kind string) map[string]string {
			return map[string]string{"image_digest": digest, "vuln_type": kind}
		}
		for _, kind := range types {
			var v wire.Vulnerabilities
			r.Call("get_image_vulnerabilities_by_digest", Options{Path: of(kind), Query: url.Values{"vendor_only": {"False"}}}).JSON(&v)
			if v.Digest != digest || v.Type != kind || v.Items == nil {
				r.Failf("%s: %+v", kind, v)
			}
			var list struct {
				Format string `json:"bomFormat"`
			}
			r.Call("get_image_vulnerabilities_by_digest_cyclonedx_json", Options{Path: of(kind)}).JSON(&list)
			if list.Format != "CycloneDX" {
				r.Failf("%s as CycloneDX: %+v", kind, list)
			}
			a := r.Call("get_image_vulnerabilities_by_digest_cyclonedx_xml", Options{Path: of(kind)})
			if err := xml.Unmarshal(a.Body, new(struct{})); err != nil {
				r.Failf("%s as XML: %v", kind, err)
			}
		}
		var vex struct {
			Context string `json:"@context"`
		}
		r.Call("get_image_openvex", Options{Path: digestPath(digest)}).JSON(&vex)
		if !strings.Contains(vex.Context, "openvex") {
			r.Failf("OpenVEX: %+v", vex)
		}
		r.Call("get_image_cyclonedx_json", Options{Path: digestPath(digest)})
		r.Call("get_image_cyclonedx_xml", Options{Path: digestPath(digest)})
		for _, op := range []string{"get_image_vulnerabilities_by_digest", "get_image_vulnerabilities_by_digest_cyclonedx_json", "get_image_vulnerabilities_by_digest_cyclonedx_xml"} {
			r.Call(op, Options{Path: of("most"), Expect: http.StatusBadRequest})
			r.Call(op, Options{Path: map[string]string{"image_digest": randomDigest(), "vuln_type": "all"}, Expect: http.StatusNotFound})
		}
		for _, op := range []string{"get_image_vulnerability_types", "get_image_openvex", "get_image_cyclonedx_json", "get_image_cyclonedx_xml"} {
			r.Call(op, Options{Path: digestPath(randomDigest()), Expect: http.StatusNotFound})
			r.Call(op, Options{Path: digestPath("latest"), Expect: http.StatusBadRequest})
		}
		r.Call("get_image_vulnerabilities_by_digest", Options{Path: of("all"), Query: url.Values{"force_refresh": {"perhaps"}}, Expect: http.StatusBadRequest})
		r.Call("get_image_vulnerabilities_by_digest", Options{Path: of("all"), Query: url.Values{"base_digest": {randomDigest()}}, Expect: http.StatusNotFound})
	}},
	{"get_image_policy_check_by_digest", "a check says what the policy says, with its findings and its history", func(r *Run) {
		tag, id := "registry.example/"+unique()+":1", unique()
		digest, gone := r.Imported(Imported{Name: tag})
		defer gone()
		r.Call("add_policy", Options{Body: policyOf(id)})
		defer r.Call("delete_policy", Options{Path: policyPath(id), Expect: http.StatusNoContent})
		path := digestPath(digest)
		for _, q := range []url.Values{{}, {"detail": {"false"}}, {"history": {"true"}}, {"interactive": {"true"}}, {"base_digest": {"auto"}}} {
			q.Set("tag", tag)
			q.Set("policy_id", id)
			var c wire.Check
			r.Call("get_image_policy_check_by_digest", Options{Path: path, Query: q}).JSON(&c)
			if c.Digest != digest || c.Tag != tag || c.PolicyID != id || len(c.Evaluations) != 1 || c.Evaluations[0].Status != "pass" ||
				(c.Evaluations[0].Details == nil) != (q.Get("detail") == "false") {
				r.Failf("%s: %+v", q.Encode(), c)
			}
		}
		r.Call("get_image_policy_check_by_digest", Options{Path: path, Query: url.Values{"tag": {tag}}})
		for _, q := range []url.Values{{}, {"tag": {"a b"}}, {"tag": {tag}, "detail": {"perhaps"}}} {
			r.Call("get_image_policy_check_by_digest", Options{Path: path, Query: q, Expect: http.StatusBadRequest})
		}
		r.Call("get_image_policy_check_by_digest", Options{Path: path, Query: url.Values{"tag": {tag}, "policy_id": {"none-" + id}}, Expect: http.StatusNotFound})
		r.Call("get_image_policy_check_by_digest", Options{Path: digestPath(randomDigest()), Query: url.Values{"tag": {tag}}, Expect: http.StatusNotFound})
	}},
	{"add_policy", "a policy is made, listed, changed and deleted, and the active one is not", func(r *Run) {
		id := unique()
		var p wire.PolicyRecord
		r.Call("add_policy", Options{Body: policyOf(id)}).JSON(&p)
		if p.ID != id || p.Active || p.Policy == nil {
			r.Failf("it is made as %+v", p)
		}
		other := policyOf(id)
		other["name"] = "another"
		r.Call("add_policy", Options{Body: other, Expect: http.StatusConflict})
		r.Call("add_policy", Options{Body: map[string]any{"id": "x"}, Expect: http.StatusBadRequest})
		active := ""
		listed := false
		var list []wire.PolicyRecord
		r.Call("list_policies", Options{Query: url.Values{"detail": {"true"}}}).JSON(&list)
		for _, p := range list {
			listed = listed || p.ID == id && p.Policy != nil
			if p.Active {
				active = p.ID
			}
		}
		r.Call("list_policies", Options{Query: url.Values{"detail": {"perhaps"}}, Expect: http.StatusBadRequest})
		if !listed || active == "" {
			r.Failf("the list is %+v", list)
		}
		r.Call("get_policy", Options{Path: policyPath(id)})
		r.Call("get_policy", Options{Path: policyPath(id), Query: url.Values{"detail": {"perhaps"}}, Expect: http.StatusBadRequest})
		r.Call("get_policy", Options{Path: policyPath("none-" + id), Expect: http.StatusNotFound})
		r.Call("update_policy", Options{Path: policyPath(id), Body: map[string]any{"policy_id": id, "active": false, "policy": other}}).JSON(&p)
		if p.Name != "another" {
			r.Failf("it is changed to %+v", p)
		}
		r.Call("update_policy", Options{Path: policyPath(id), Body: "[]", Expect: http.StatusBadRequest})
		r.Call("update_policy", Options{Path: policyPath("none-" + id), Body: map[string]any{"active": true}, Expect: http.StatusNotFound})
		r.Call("delete_policy", Options{Path: policyPath(active), Expect: http.StatusConflict})
		r.Call("delete_policy", Options{Path: policyPath(id), Expect: http.StatusNoContent})
		r.Call("delete_policy", Options{Path: policyPath(id), Expect: http.StatusNotFound})
		r.Call("list_policies", Options{Nobody: true, Expect: http.StatusUnauthorized})
	}},
	{"describe_policy", "the gates that policies may use are described", func(r *Run) {
		a := r.Call("describe_policy", Options{})
		for _, gate := range []string{"vulnerabilities", "dockerfile", "secret_scans", "always"} {
			if !strings.Contains(string(a.Body), `"`+gate+`"`) {
				r.Failf("there is no gate %s", gate)
			}
		}
	}},
	{"stateless_scan", "an SBOM is matched and judged, and is nowhere afterwards", func(r *Run) {
		name := unique()
		document := Imported{Packages: []string{name}}.document()
		tag := "registry.example/" + name + ":1"
		var answer struct {
			Check wire.Check `json:"policy_scan"`
		}
		body := map[string]any{"sbom": json.RawMessage(document)}
		r.Call("stateless_scan", Options{Query: url.Values{"tag": {tag}}, Body: body}).JSON(&answer)
		if answer.Check.Tag != tag || len(answer.Check.Evaluations) != 1 {
			r.Failf("%+v", answer)
		}
		r.Call("vulnerability_scan_sbom", Options{Body: document, Header: http.Header{"Content-Type": {"application/json"}}})
		r.Call("list_images", Options{Query: url.Values{"full_tag": {tag}}, Expect: http.StatusNotFound})
		r.Call("stateless_scan", Options{Body: body, Expect: http.StatusBadRequest})
		r.Call("stateless_scan", Options{Query: url.Values{"tag": {tag}}, Body: map[string]any{}, Expect: http.StatusBadRequest})
		r.Call("stateless_scan", Options{Query: url.Values{"tag": {tag}, "policy_id": {"none-" + name}}, Body: body, Expect: http.StatusNotFound})
		r.Call("vulnerability_scan_sbom", Options{Body: "x", Expect: http.StatusBadRequest})
		packed := http.Header{"Content-Encoding": {"of-no-kind"}}
		r.Call("vulnerability_scan_sbom", Options{Body: document, Header: packed, Expect: http.StatusUnsupportedMediaType})
		r.Call("stateless_scan", Options{Query: url.Values{"tag": {tag}}, Body: body, Header: packed, Expect: http.StatusUnsupportedMediaType})
	}},
}
