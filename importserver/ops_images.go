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

// imagesPending are those that are yet to be built.
var imagesPending = []string{}

func postImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.ImageRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	force, err := yes(r, "force", false)
	if err != nil {
		return err
	}
	subscribe, err := yes(r, "auto_subscribe", true)
	if err != nil {
		return err
	}
	receipt, err := a.AddImage(r.Context(), req, wire.AddOptions{Force: force, NoSubscribe: !subscribe})
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
	history, err := yes(r, "history", false)
	if err != nil {
		return err
	}
	since, err := queryTime(r.URL.Query(), "analyzed_since")
	if err != nil {
		return err
	}
	f := wire.ImageFilter{
		FullTag: q.Get("full_tag"), ImageID: q.Get("image_id"), Status: q.Get("analysis_status"),
		Record: q.Get("image_status"), History: history, AnalyzedSince: since,
	}
	if f.FullTag != "" || f.ImageID != "" || f.History || f.Record == wire.Deleting {
		list, err := a.Images(r.Context(), f)
		return give(w, wire.ImageList{Items: list}, err)
	}
	return rawList(w, `{"items":[`, func(add func([]byte) error) (string, error) { return "]}\n", a.eachRecord(r.Context(), f, add) })
}

func deleteImages(a *Account, w http.ResponseWriter, r *http.Request) error {
	force, err := yes(r, "force", false)
	if err != nil {
		return err
	}
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
	force, err := yes(r, "force", false)
	if err != nil {
		return err
	}
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
	f, err := vulnerabilityFilter(r)
	if err != nil {
		return err
	}
	v, err := a.Vulnerabilities(r.Context(), r.PathValue("image_digest"), f)
	return give(w, v, err)
}

func vulnerabilityFilter(r *http.Request) (wire.VulnerabilityFilter, error) {
	f, err := flags(r, "include_vuln_description", "force_refresh")
	if err != nil {
		return wire.VulnerabilityFilter{}, err
	}
	vendor, err := yes(r, "vendor_only", true)
	return wire.VulnerabilityFilter{
		Type: r.PathValue("vuln_type"), VendorOnly: vendor,
		Descriptions: f["include_vuln_description"], Refresh: f["force_refresh"], Base: r.URL.Query().Get("base_digest"),
	}, err
}

func getCheck(a *Account, w http.ResponseWriter, r *http.Request) error {
	f, err := flags(r, "history", "interactive")
	if err != nil {
		return err
	}
	detail, err := yes(r, "detail", true)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	c, err := a.Check(r.Context(), r.PathValue("image_digest"), wire.CheckRequest{
		Tag: q.Get("tag"), PolicyID: q.Get("policy_id"), Detail: detail, History: f["history"], Interactive: f["interactive"],
		Base: q.Get("base_digest"),
	})
	return give(w, c, err)
}
