package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
)

// queueOps are the operations of the work on images.
var queueOps = map[string]operation{
	"list_queue":      getQueue,
	"get_image_queue": getImageQueue,
	"cancel_image":    cancelImage,
	"retry_image":     retryImage,
}

func getQueue(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := wire.QueueFilter{State: q.Get("state"), AllAccounts: flag(q, "all_accounts", false)}
	var err error
	if f.Page, err = queryInt(q, "page", 0); err != nil {
		return err
	}
	if f.Limit, err = queryInt(q, "limit", 0); err != nil {
		return err
	}
	answer, err := a.Queue(r.Context(), f)
	return give(w, answer, err)
}

func getImageQueue(a *Account, w http.ResponseWriter, r *http.Request) error {
	answer, err := a.ImageQueue(r.Context(), r.PathValue("image_digest"))
	return give(w, answer, err)
}

func cancelImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	i, err := a.Cancel(r.Context(), r.PathValue("image_digest"))
	return give(w, i, err)
}

func retryImage(a *Account, w http.ResponseWriter, r *http.Request) error {
	i, err := a.Retry(r.Context(), r.PathValue("image_digest"))
	return give(w, i, err)
}
