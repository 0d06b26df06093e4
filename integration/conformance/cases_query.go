package main

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/tidepole/tidepole/formats/wire"
)

var queryCases = []Case{
	{"query_images_by_package", "images are found by a package of theirs, its type and its version", func(r *Run) {
		name := unique()
		digest, gone := r.Imported(Imported{Packages: []string{name, "other-" + name}})
		defer gone()
		for _, q := range []url.Values{{}, {"package_type": {"npm"}}, {"version": {"1.0.0"}}, {"package_type": {"npm"}, "version": {"1.0.0"}, "limit": {"10"}, "page": {"1"}}} {
			q.Set("name", name)
			var got wire.ImagesByPackage
			r.Call("query_images_by_package", Options{Query: q}).JSON(&got)
			if len(got.Images) != 1 || got.Images[0].Image.Digest != digest || got.Returned != 1 || got.NextPage != "" || got.Page.Page != "1" ||
				len(got.Images[0].Packages) != 1 || got.Images[0].Packages[0].Name != name || got.Images[0].Packages[0].Version != "1.0.0" {
				r.Failf("%v: %+v", q, got)
			}
		}
		for _, q := range []url.Values{{"package_type": {"rpm"}}, {"version": {"2"}}, {"limit": {"10"}, "page": {"2"}}} {
			q.Set("name", name)
			var got wire.ImagesByPackage
			r.Call("query_images_by_package", Options{Query: q}).JSON(&got)
			if len(got.Images) != 0 || got.Returned != 0 {
				r.Failf("%v: %+v", q, got)
			}
		}
	}},
	{"query_images_by_package", "pages follow each other until the last", func(r *Run) {
		name := unique()
		want := []string{}
		for range 3 {
			digest, gone := r.Imported(Imported{Packages: []string{name}})
			defer gone()
			want = append(want, digest)
		}
		var found []string
		page := "1"
		for range 4 {
			var got wire.ImagesByPackage
			r.Call("query_images_by_package", Options{Query: url.Values{"name": {name}, "limit": {"2"}, "page": {page}}}).JSON(&got)
			for _, i := range got.Images {
				found = append(found, i.Image.Digest)
			}
			if got.Page.Page != page || len(got.Images) != got.Returned || got.Returned > 2 {
				r.Failf("page %s is %+v", page, got.Page)
			}
			if page = got.NextPage; page == "" {
				break
			}
		}
		slices.Sort(found)
		slices.Sort(want)
		if !slices.Equal(found, want) {
			r.Failf("the pages have %v, not %v", found, want)
		}
	}},
	{"query_images_by_vulnerability", "of a vulnerability that nothing has no image is told", func(r *Run) {
		var got wire.ImagesByVulnerability
		r.Call("query_images_by_vulnerability", Options{Query: url.Values{
			"vulnerability_id": {"CVE-1999-99999"}, "namespace": {"debian:12"}, "affected_package": {"x"}, "severity": {"High"}, "vendor_only": {"false"}, "limit": {"1"},
		}}).JSON(&got)
		if len(got.Images) != 0 || got.Returned != 0 || got.NextPage != "" {
			r.Failf("found %+v", got)
		}
	}},
	{"query_vulnerabilities", "of vulnerabilities that nothing has no record is told", func(r *Run) {
		var got wire.KnownVulnerabilities
		r.Call("query_vulnerabilities", Options{Query: url.Values{"id": {"CVE-1999-99998,CVE-1999-99999"}, "namespace": {"debian:11,debian:12"}, "limit": {"1"}}}).JSON(&got)
		if got.Returned != len(got.Vulnerabilities) {
			r.Failf("found %+v", got)
		}
	}},
	{"query_images_by_package", "what is no page, or asks for nothing, is refused", func(r *Run) {
		for op, q := range map[string]url.Values{
			"query_images_by_package": {"name": {"x"}}, "query_images_by_vulnerability": {"vulnerability_id": {"x"}}, "query_vulnerabilities": {"id": {"x"}},
		} {
			r.Call(op, Options{Expect: http.StatusBadRequest})
			for name, value := range map[string]string{"limit": "x", "page": "x"} {
				with := url.Values{name: {value}}
				for k, v := range q {
					with[k] = v
				}
				r.Call(op, Options{Query: with, Expect: http.StatusBadRequest})
			}
		}
		r.Call("query_images_by_vulnerability", Options{Query: url.Values{"vulnerability_id": {"x"}, "severity": {"Terrible"}}, Expect: http.StatusBadRequest})
	}},
	{"get_image_ancestors", "images are ancestors of those that begin with all their layers", func(r *Run) {
		one, two, three := randomDigest(), randomDigest(), randomDigest()
		base, gone := r.Imported(Imported{Layers: []string{one}, Annotations: map[string]string{"anchore.user/marked_base_image": "true"}})
		defer gone()
		middle, gone := r.Imported(Imported{Layers: []string{one, two}})
		defer gone()
		image, gone := r.Imported(Imported{Layers: []string{one, two, three}})
		defer gone()
		var got []wire.Ancestor
		r.Call("get_image_ancestors", Options{Path: map[string]string{"image_digest": image}}).JSON(&got)
		if len(got) != 2 || got[0].Digest != base || got[1].Digest != middle || !got[0].Marked || !got[0].Chosen || got[1].Marked || got[1].Chosen ||
			len(got[0].Layers) != 1 || len(got[1].Layers) != 2 || len(got[0].Tags) != 1 {
			r.Failf("the ancestors are %+v", got)
		}
		r.Call("get_image_ancestors", Options{Path: map[string]string{"image_digest": base}}).JSON(&got)
		if len(got) != 0 {
			r.Failf("the ancestors of the lowest are %+v", got)
		}
		r.Call("get_image_ancestors", Options{Path: map[string]string{"image_digest": randomDigest()}, Expect: http.StatusNotFound})
		r.Call("get_image_ancestors", Options{Path: map[string]string{"image_digest": "sha256:1"}, Expect: http.StatusBadRequest})
	}},
	{"summary_image_tags", "tags are told in short, as they are asked for", func(r *Run) {
		repository := unique()
		name := "registry.example/" + repository + ":"
		digest, gone := r.Imported(Imported{Name: name + "1"})
		defer gone()
		_, gone = r.Imported(Imported{Name: name + "2"})
		defer gone()
		for _, test := range []struct {
			query url.Values
			want  []string
		}{
			{url.Values{}, []string{"2", "1"}},
			{url.Values{"registry": {"registry.example"}, "tag": {"1"}}, []string{"1"}},
			{url.Values{"filter": {repository + ":2"}}, []string{"2"}},
			{url.Values{"filter": {digest}}, []string{"1"}},
			{url.Values{"order_by": {"full_tag"}}, []string{"1", "2"}},
			{url.Values{"order_by": {"full_tag"}, "order_by_descending": {"true"}}, []string{"2", "1"}},
			{url.Values{"analysis_status": {"analyzed,analyzing"}, "image_status": {"active"}}, []string{"2", "1"}},
			{url.Values{"analysis_status": {"not_analyzed"}}, nil},
			{url.Values{"analyzed_since": {"2001-01-01T00:00:00Z"}}, []string{"2", "1"}},
			{url.Values{"order_by": {"full_tag"}, "limit": {"1"}, "page": {"2"}}, []string{"2"}},
		} {
			test.query.Set("repository", repository)
			var got wire.TagSummaries
			r.Call("summary_image_tags", Options{Query: test.query}).JSON(&got)
			var tags []string
			for _, i := range got.Items {
				tags = append(tags, i.FullTag[len(name):])
				if i.Status != "analyzed" || i.RecordStatus != "active" || i.CreatedAt == 0 || i.AnalyzedAt == 0 || i.DetectedAt == 0 || i.Digest == "" {
					r.Failf("a tag is %+v", i)
				}
			}
			total := len(test.want)
			if test.query.Has("limit") {
				total = 2
			}
			if !slices.Equal(tags, test.want) || got.Total != total {
				r.Failf("%v: %v of %d, not %v", test.query, tags, got.Total, test.want)
			}
		}
		for name, value := range map[string]string{"order_by": "x", "limit": "x", "page": "x", "image_status": "x", "analysis_status": "x", "runtime": "x"} {
			r.Call("summary_image_tags", Options{Query: url.Values{name: {value}}, Expect: http.StatusBadRequest})
		}
	}},
	{"summary_image_counts", "an image that comes is counted", func(r *Run) {
		repository := unique()
		q := url.Values{"registry": {"registry.example"}, "repo": {repository}}
		var before, after wire.ImageCounts
		r.Call("summary_image_counts", Options{Query: q}).JSON(&before)
		_, gone := r.Imported(Imported{Name: "registry.example/" + repository + ":1"})
		defer gone()
		r.Call("summary_image_counts", Options{Query: q}).JSON(&after)
		if before != (wire.ImageCounts{}) || after != (wire.ImageCounts{Tags: 1, Images: 1, Analyzed: 1}) {
			r.Failf("counted %+v, and then %+v", before, after)
		}
		r.Call("summary_image_counts", Options{}).JSON(&after)
		if after.Images < 1 || after.Tags < 1 || after.Analyzed < 1 {
			r.Failf("in all there are %+v", after)
		}
		r.Call("summary_image_counts", Options{Query: url.Values{"image_status": {"x"}}, Expect: http.StatusBadRequest})
	}},
	{"query_images_by_package", "nobody is told anything without a password", func(r *Run) {
		for _, op := range []string{
			"query_images_by_package", "query_images_by_vulnerability", "query_vulnerabilities", "summary_image_tags", "summary_image_counts", "get_image_ancestors",
		} {
			r.Call(op, Options{Path: map[string]string{"image_digest": randomDigest()}, Nobody: true, Expect: http.StatusUnauthorized})
		}
	}},
	{"query_images_by_package", "nobody asks for an account that is not his", func(r *Run) {
		forbidden(r, "query_images_by_package", "query_images_by_vulnerability", "query_vulnerabilities", "summary_image_tags", "summary_image_counts", "get_image_ancestors")
	}},
}
