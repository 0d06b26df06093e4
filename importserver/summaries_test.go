package importserver_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestTagSummaries(t *testing.T) {
	r := queried(t, "a.example/one:1", "b.example/two:2", "a.example/three:1")
	one, two, three := "a.example/one:1", "b.example/two:2", "a.example/three:1"
	for query, want := range map[string][]string{
		"":                                           {three, two, one},
		"registry=a.example":                         {three, one},
		"repository=two":                             {two},
		"tag=1":                                      {three, one},
		"filter=example/t":                           {three, two},
		"filter=%25":                                 {},
		"filter=_":                                   {},
		"filter=" + digestOf(2)[20:]:                 {two},
		"analysis_status=analyzed":                   {three, two, one},
		"analysis_status=analyzing,analyzed":         {three, two, one},
		"analysis_status=not_analyzed":               {},
		"analysis_status=not_analyzed,all":           {three, two, one},
		"image_status=deleting":                      {},
		"image_status=deleting,active":               {three, two, one},
		"image_status=all":                           {three, two, one},
		"analyzed_since=2001-01-01T00:00:00Z":        {three, two, one},
		"analyzed_since=2999-01-01":                  {},
		"runtime=true":                               {},
		"runtime=false":                              {three, two, one},
		"order_by=full_tag":                          {one, three, two},
		"order_by=full_tag&order_by_descending=true": {two, three, one},
		"order_by=image_status,image_digest":         {one, two, three},
		"order_by=analysis_status,image_digest&order_by_descending=false,true": {three, two, one},
		"order_by=created_at": {one, two, three},
		"order_by=tag_detected_at,image_id,analyzed_at,parent_digest": {one, two, three},
		"limit=2":        {three, two},
		"limit=2&page=2": {one},
		"limit=2&page=3": {},
		"limit=0":        {three, two, one},
		"registry=a.example&limit=1&order_by=image_digest&order_by_descending=t":                      {three},
		"registry=a.example&repository=one&tag=1&filter=one&analysis_status=analyzed&limit=10&page=1": {one},
	} {
		var got wire.TagSummaries
		r.call("GET", "/v2/summaries/image-tags?"+query, "", &got)
		if diff := cmp.Diff(want, digestsOf(got.Items, func(s wire.TagSummary) string { return s.FullTag })); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		total := len(want)
		switch {
		case strings.HasPrefix(query, "limit="):
			total = 3
		case strings.HasPrefix(query, "registry=a.example&limit"):
			total = 2
		}
		if got.Total != total {
			t.Errorf("%s: %d in all, want %d", query, got.Total, total)
		}
	}
	var got wire.TagSummaries
	r.call("GET", "/v2/summaries/image-tags?tag=2", "", &got)
	i, err := r.Image(t.Context(), digestOf(2))
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.TagSummary{{
		TaggedImage: wire.TaggedImage{
			Digest: i.Digest, ParentDigest: i.ParentDigest, ImageID: i.Detail[0].ImageID, Status: "analyzed", RecordStatus: "active", AnalyzedAt: i.AnalyzedAt.Unix(),
		},
		TagTimes: wire.TagTimes{FullTag: two, CreatedAt: i.Detail[0].CreatedAt.Unix(), DetectedAt: i.Detail[0].TagDetectedAt.Unix()},
	}}
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{
		"analysis_status=x", "image_status=x", "order_by=x", "order_by=i.digest", "order_by_descending=x", "limit=-1", "page=0", "page=x", "runtime=x", "analyzed_since=x",
	} {
		if e := r.refused("GET", "/v2/summaries/image-tags?"+wrong, "", nil); e.Code != 400 {
			t.Errorf("%s: %d", wrong, e.Code)
		}
	}
	r.population("other")
	if resp, text := r.request("GET", "/v2/summaries/image-tags", nil, basic("user-other", userPassword)); resp.StatusCode != 200 || strings.TrimSpace(text) != `{"items":[],"total_rows":0}` {
		t.Errorf("another account is told: %d %s", resp.StatusCode, text)
	}
}

func TestImageCounts(t *testing.T) {
	r := queried(t, "a.example/one:1", "b.example/two:2", "b.example/two:2", "a.example/x@"+digestOf(4))
	for query, want := range map[string]wire.ImageCounts{
		"":                            {Tags: 2, Images: 4, Analyzed: 4},
		"image_status=deleting":       {},
		"image_status=all":            {Tags: 2, Images: 4, Analyzed: 4},
		"registry=a.example":          {Tags: 1, Images: 2, Analyzed: 2},
		"repo=two":                    {Tags: 1, Images: 2, Analyzed: 2},
		"registry=a.example&repo=two": {},
		"registry=b.example&repo=two": {Tags: 1, Images: 2, Analyzed: 2},
		"registry=nothing.example":    {},
	} {
		var got wire.ImageCounts
		r.call("GET", "/v2/summaries/image-counts?"+query, "", &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	if e := r.refused("GET", "/v2/summaries/image-counts?image_status=x", "", nil); e.Code != 400 {
		t.Errorf("a status that there is none of: %d", e.Code)
	}
	other, err := r.server.Account("other").CountImages(t.Context(), wire.CountFilter{})
	if err != nil || other != (wire.ImageCounts{}) {
		t.Errorf("another account is told of %+v, %v", other, err)
	}
}

func TestAncestors(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	diff := func(n ...int) []string {
		var ids []string
		for _, l := range n {
			ids = append(ids, digestOf(100+l))
		}
		return ids
	}
	put := func(n int, tag string, layers []string, notes map[string]string) {
		t.Helper()
		b := newBundle(t, image{digest: digestOf(n), tags: []string{tag}})
		b.Annotations = notes
		if err := b.WriteBytes(bundle.ImageConfig, "application/json", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":`+toJSON(t, layers)+`}}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Import(context.Background(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		r.await(digestOf(n), wire.Analyzed)
	}
	put(1, "a.example/base:1", diff(1), map[string]string{"anchore.user/marked_base_image": "true"})
	put(2, "a.example/middle:1", diff(1, 2), nil)
	put(3, "a.example/app:1", diff(1, 2, 3), nil)
	put(4, "a.example/twin:1", diff(1, 2, 3), nil)
	put(5, "a.example/other:1", diff(2, 1), nil)
	put(6, "a.example/scratch:1", nil, nil)

	ancestor := func(n int, tag string, layers []string, marked, chosen bool) wire.Ancestor {
		return wire.Ancestor{Digest: digestOf(n), ParentDigest: digestOf(n), Tags: []string{tag}, Layers: layers, Marked: marked, Chosen: chosen}
	}
	for n, want := range map[int][]wire.Ancestor{
		1: {},
		2: {ancestor(1, "a.example/base:1", diff(1), true, true)},
		3: {ancestor(1, "a.example/base:1", diff(1), true, true), ancestor(2, "a.example/middle:1", diff(1, 2), false, false)},
		5: {}, 6: {},
	} {
		var got []wire.Ancestor
		r.call("GET", "/v2/images/"+digestOf(n)+"/ancestors", "", &got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("image %d: %s", n, d)
		}
	}
	put(7, "a.example/base:1", diff(1), nil) // the same layers, newer, unmarked
	got, err := r.Ancestors(t.Context(), digestOf(2))
	if err != nil || len(got) != 2 || got[0].Digest != digestOf(1) || !got[0].Chosen || got[1].Digest != digestOf(7) || got[1].Chosen {
		t.Errorf("of two that are alike: %+v, %v", got, err)
	}
	for path, code := range map[string]int{digestOf(50): 404, "x": 400} {
		if e := r.refused("GET", "/v2/images/"+path+"/ancestors", "", nil); e.Code != code {
			t.Errorf("ancestors of %s: %d", path, e.Code)
		}
	}
	if _, err := r.server.Account("other").Ancestors(t.Context(), digestOf(3)); fault.Of(err) != fault.NotFound {
		t.Errorf("another account's: %v", err)
	}
	if _, err := r.DeleteImages(t.Context(), []string{digestOf(1), digestOf(7)}, true); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Ancestors(t.Context(), digestOf(3)); err != nil || len(got) != 1 || got[0].Digest != digestOf(2) || !got[0].Chosen {
		t.Errorf("once the base image is deleted: %+v, %v", got, err)
	}
}
