package importserver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

func getAncestors(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Ancestors(r.Context(), r.PathValue("image_digest"))
	return give(w, list, err)
}

func summarizeTags(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageOf(q)
	if err != nil {
		return err
	}
	since, err := queryTime(q, "analyzed_since")
	if err != nil {
		return err
	}
	f := wire.TagFilter{
		Records: listed(q, "image_status"), Statuses: listed(q, "analysis_status"), AnalyzedSince: since,
		Registry: q.Get("registry"), Repository: q.Get("repository"), Tag: q.Get("tag"),
		Running: flag(q, "runtime", false), Part: q.Get("filter"), OrderBy: listed(q, "order_by"), PageRequest: page,
	}
	for _, d := range listed(q, "order_by_descending") {
		down, err := strconv.ParseBool(strings.ToLower(d))
		if err != nil {
			return err // the description has refused it
		}
		f.Descending = append(f.Descending, down)
	}
	return rawList(asJSON(w), `{"items":[`, func(add func([]byte) error) (string, error) {
		total, err := a.eachTagSummary(r.Context(), f, add)
		return fmt.Sprintf("],\"total_rows\":%d}\n", total), err
	})
}

func countImages(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	c, err := a.CountImages(r.Context(), wire.CountFilter{
		Records: listed(q, "image_status"), Registry: q.Get("registry"), Repository: q.Get("repo"),
	})
	return give(w, c, err)
}
