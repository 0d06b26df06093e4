package importserver

import (
	"net/http"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// imagesOps are the operations of images and summaries.
var imagesOps = map[string]operation{
	"add_image":           postImage,
	"list_images":         getImages,
	"delete_images_async": deleteImages,
	"get_image":           getImage,
	"delete_image":        deleteImage,

	"get_image_ancestors":  getAncestors,
	"summary_image_tags":   summarizeTags,
	"summary_image_counts": countImages,
}

func postImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.ImageRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	force := flag(r.URL.Query(), "force", false)
	subscribe := flag(r.URL.Query(), "auto_subscribe", true)
	bulk := flag(r.URL.Query(), "bulk", false)
	receipt, err := a.AddImage(r.Context(), req, wire.AddOptions{Force: force, NoSubscribe: !subscribe, Bulk: bulk})
	if err != nil {
		return err
	}
	if receipt.Known {
		w.Header().Set(wire.KnownHeader, "true")
		w.Header().Set(wire.MessageHeader, receipt.Message)
	}
	return give(w, receipt.Image, nil)
}

func getImages(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	history := flag(r.URL.Query(), "history", false)
	since, err := queryTime(r.URL.Query(), "analyzed_since")
	if err != nil {
		return err
	}
	limit, err := queryInt(q, "limit", 0)
	if err != nil {
		return err
	}
	f := wire.ImageFilter{
		FullTag: q.Get("full_tag"), ImageID: q.Get("image_id"), Status: q.Get("analysis_status"),
		Record: q.Get("image_status"), History: history, AnalyzedSince: since, Limit: limit,
	}
	return rawList(asJSON(w), `{"items":[`, func(add func([]byte) error) (string, error) { return "]}\n", a.eachRecord(r.Context(), f, add) })
}

func deleteImages(a *Account, w http.ResponseWriter, r *http.Request) error {
	force := flag(r.URL.Query(), "force", false)
	var digests []string
	for _, d := range strings.Split(r.URL.Query().Get("image_digests"), ",") {
		if d = strings.TrimSpace(d); d != "" {
			digests = append(digests, d)
		}
	}
	list, err := a.DeleteImages(r.Context(), digests, force)
	return give(w, list, err)
}

func getImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	i, err := a.Image(r.Context(), r.PathValue("image_digest"))
	return give(w, i, err)
}

func deleteImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	force := flag(r.URL.Query(), "force", false)
	list, err := a.DeleteImages(r.Context(), []string{r.PathValue("image_digest")}, force)
	if err != nil {
		return err
	}
	if list[0].Status == "not_found" {
		return fault.New(fault.NotFound, "image not found in DB")
	}
	return give(w, list[0], nil)
}

func getVulnerabilityTypes(a *Account, w http.ResponseWriter, r *http.Request) error {
	_, err := a.analyzed(r.Context(), r.PathValue("image_digest"))
	return give(w, vulnerabilityTypes, err)
}

func getVulnerabilities(a *Account, w http.ResponseWriter, r *http.Request) error {
	f := vulnerabilityFilter(r)
	return a.answerReport(w, r, "application/json", f.Base, 0, jsonOf(func() (wire.Vulnerabilities, error) {
		return a.Vulnerabilities(r.Context(), r.PathValue("image_digest"), f)
	}))
}

func vulnerabilityFilter(r *http.Request) wire.VulnerabilityFilter {
	q := r.URL.Query()
	return wire.VulnerabilityFilter{
		Type: r.PathValue("vuln_type"), VendorOnly: flag(q, "vendor_only", true),
		Descriptions: flag(q, "include_vuln_description", false), Refresh: flag(q, "force_refresh", false), Base: q.Get("base_digest"),
	}
}

func getCheck(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	check := wire.CheckRequest{
		Tag: q.Get("tag"), PolicyID: q.Get("policy_id"), Base: q.Get("base_digest"),
		Detail: flag(q, "detail", true), History: flag(q, "history", false), Interactive: flag(q, "interactive", false),
	}
	var verdicts int64
	if check.History {
		verdicts = historyRoom
	}
	return a.answerReport(w, r, "application/json", check.Base, verdicts, jsonOf(func() (wire.Check, error) {
		return a.Check(r.Context(), r.PathValue("image_digest"), check)
	}))
}
