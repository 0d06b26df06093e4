package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

func digestPath(digest string) map[string]string { return map[string]string{"image_digest": digest} }

// adding is the body of an image that is to be added by a source of the kind.
func adding(kind string, source map[string]any) map[string]any {
	return map[string]any{"image_type": "docker", "source": map[string]any{kind: source}}
}

var imagesCases = []Case{
	{"list_images", "an image is listed by its tag, its id, its status and its time, and else not", func(r *Run) {
		tag := "registry.example/" + unique() + ":1"
		digest, gone := r.Imported(Imported{Name: tag, Annotations: map[string]string{"of": "the suite"}})
		defer gone()
		var i wire.Image
		r.Call("get_image", Options{Path: digestPath(digest)}).JSON(&i)
		if i.Digest != digest || i.Status != wire.Analyzed || i.RecordStatus != wire.Active || len(i.Detail) != 1 || i.Detail[0].FullTag != tag ||
			i.Annotations["of"] != "the suite" || i.AnalyzedAt == nil || len(i.StatusDetail) < 3 || i.Content.Metadata.Arch == nil || *i.Content.Metadata.Arch != "amd64" {
			r.Failf("its record is %+v", i)
		}
		for _, test := range []struct {
			query  url.Values
			listed bool
		}{
			{url.Values{}, true}, {url.Values{"image_status": {"all"}}, true}, {url.Values{"image_status": {"deleting"}}, false},
			{url.Values{"full_tag": {tag}}, true}, {url.Values{"full_tag": {tag}, "history": {"true"}}, true}, {url.Values{"full_tag": {tag}, "history": {"True"}}, true},
			{url.Values{"analysis_status": {"analyzed"}}, true}, {url.Values{"analysis_status": {"analysis_failed"}}, false},
			{url.Values{"analyzed_since": {"2001-01-01T00:00:00Z"}}, true}, {url.Values{"analyzed_since": {"2999-01-01T00:00:00Z"}}, false},
			{url.Values{"of-a-later-version": {"x"}}, true},
		} {
			var list wire.ImageList
			r.Call("list_images", Options{Query: test.query}).JSON(&list)
			listed := false
			for _, i := range list.Items {
				listed = listed || i.Digest == digest && len(i.StatusDetail) > 0
			}
			if listed != test.listed {
				r.Failf("%s: it is listed: %v", test.query.Encode(), listed)
			}
		}
		for _, query := range []url.Values{{"full_tag": {tag + "0"}}, {"image_id": {strings.Repeat("0", 64)}}} {
			r.Call("list_images", Options{Query: query, Expect: http.StatusNotFound})
		}
		for _, query := range []url.Values{
			{"history": {"true"}}, {"history": {"perhaps"}}, {"analysis_status": {"lost"}}, {"image_status": {"lost"}}, {"analyzed_since": {"yesterday"}}, {"full_tag": {"a b"}},
		} {
			r.Call("list_images", Options{Query: query, Expect: http.StatusBadRequest})
		}
		r.Call("get_image", Options{Path: digestPath("latest"), Expect: http.StatusBadRequest})
		r.Call("get_image", Options{Path: digestPath(randomDigest()), Expect: http.StatusNotFound})
		r.Call("list_images", Options{Header: http.Header{"X-Anchore-Account": {"none-" + unique()}}, Expect: http.StatusNotFound})
	}},
	{"list_images", "a tag means the newest image of its name, and its history all of them", func(r *Run) {
		tag := "registry.example/" + unique() + ":1"
		first, gone := r.Imported(Imported{Name: tag})
		defer gone()
		second, gone := r.Imported(Imported{Name: tag})
		defer gone()
		for query, want := range map[string]string{"": second, "true": second + " " + first} {
			var list wire.ImageList
			r.Call("list_images", Options{Query: url.Values{"full_tag": {tag}, "history": {query}}}).JSON(&list)
			var got []string
			for _, i := range list.Items {
				got = append(got, i.Digest)
			}
			if strings.Join(got, " ") != want {
				r.Failf("history=%s: %v, not %s", query, got, want)
			}
		}
	}},
	{"add_image", "what names no image is refused, and why is said", func(r *Run) {
		for name, body := range map[string]any{
			"nothing": map[string]any{}, "no source": map[string]any{"source": map[string]any{}}, "no body": "", "no JSON": "{", "a list": "[]", "two": `{"source":{}} {}`,
			"a key twice":               `{"source":{"tag":{"pull_string":"a:1"}},"source":{}}`,
			"a tag that is none":        adding("tag", map[string]any{"pull_string": "a b"}),
			"a digest that is none":     adding("digest", map[string]any{"pull_string": "a:1", "tag": "a:1"}),
			"a registry that is none":   adding("tag", map[string]any{"pull_string": closedPort + "/a:1"}),
			"a Dockerfile that is none": adding("tag", map[string]any{"pull_string": "a:1", "dockerfile": "*"}),
			"a type that is none":       map[string]any{"image_type": "cake", "source": map[string]any{"tag": map[string]any{"pull_string": "a:1"}}},
		} {
			var e wire.Error
			r.Call("add_image", Options{Body: body, Expect: http.StatusBadRequest}).JSON(&e)
			if e.Code != http.StatusBadRequest || e.Message == "" {
				r.Failf("%s: the error is %+v", name, e)
			}
			if name == "a registry that is none" && e.Detail["error_codes"] == nil {
				r.Failf("%s: the error has no error_codes: %+v", name, e)
			}
		}
		r.Call("add_image", Options{Body: adding("import", map[string]any{
			"operation_uuid": "00000000-0000-4000-8000-000000000000", "digest": randomDigest(), "tags": []string{"a:1"},
			"contents": map[string]string{"packages": randomDigest(), "manifest": randomDigest(), "image_config": randomDigest()},
		}), Expect: http.StatusNotFound})
		r.Call("add_image", Options{Body: map[string]any{}, Nobody: true, Expect: http.StatusUnauthorized})
	}},
	{"delete_image", "an image that its tag means is deleted with force only", func(r *Run) {
		digest, gone := r.Imported(Imported{})
		r.Call("delete_image", Options{Path: digestPath("latest"), Expect: http.StatusBadRequest})
		r.Call("delete_image", Options{Path: digestPath(randomDigest()), Expect: http.StatusNotFound})
		var d wire.Deletion
		r.Call("delete_image", Options{Path: digestPath(digest)}).JSON(&d)
		if d.Digest != digest || d.Status != "delete_failed" || d.Detail == "" {
			r.Failf("without force: %+v", d)
		}
		gone()
		r.Call("get_image", Options{Path: digestPath(digest), Expect: http.StatusNotFound})
	}},
	{"delete_images_async", "many images are deleted in one request, each with its own fate", func(r *Run) {
		tag := "registry.example/" + unique() + ":1"
		old, gone := r.Imported(Imported{Name: tag})
		newest, goneToo := r.Imported(Imported{Name: tag})
		none := randomDigest()
		var list []wire.Deletion
		r.Call("delete_images_async", Options{Query: url.Values{"image_digests": {strings.Join([]string{old, newest, none}, ",")}}}).JSON(&list)
		fates := map[string]string{}
		for _, d := range list {
			fates[d.Digest] = d.Status
		}
		if len(list) != 3 || fates[old] != "deleting" || fates[newest] != "delete_failed" || fates[none] != "not_found" {
			r.Failf("%+v", list)
		}
		if fates[old] != "deleting" {
			gone()
		}
		goneToo()
		for _, q := range []url.Values{{}, {"image_digests": {"x"}}, {"image_digests": {""}}} {
			r.Call("delete_images_async", Options{Query: q, Expect: http.StatusBadRequest})
		}
	}},
}
