package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

func postOperation(a *Account, w http.ResponseWriter, r *http.Request) error {
	var nothing any
	if err := readJSON(w, r, maxBody, &nothing); err != nil {
		return err
	}
	o, err := a.OpenOperation(r.Context())
	return give(w, o, err)
}

func getOperations(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Operations(r.Context())
	return give(w, list, err)
}

func getOperation(a *Account, w http.ResponseWriter, r *http.Request) error {
	o, err := a.Operation(r.Context(), r.PathValue("operation_id"))
	return give(w, o, err)
}

func deleteOperation(a *Account, w http.ResponseWriter, r *http.Request) error {
	o, err := a.DeleteOperation(r.Context(), r.PathValue("operation_id"))
	return give(w, o, err)
}

// postPart takes a part in as it arrives. Whether the operation takes it is looked
// up before the first byte is read.
func postPart(a *Account, w http.ResponseWriter, r *http.Request) error {
	id, kind := r.PathValue("operation_id"), wire.PartKind(r.PathValue("part"))
	if _, err := a.uploading(r.Context(), id, kind); err != nil {
		return err
	}
	body, err := unpacked(w, r, a.server.limitOf(bundle.Kind(kind)))
	if err != nil {
		return tooLarge(err)
	}
	defer body.Close()
	u, err := a.Upload(r.Context(), id, kind, r.Header.Get("Content-Type"), body)
	return give(w, u, tooLarge(err))
}

// tooLarge gives a part that is too large the contract's status.
func tooLarge(err error) error {
	if fault.Of(err) != fault.TooLarge {
		return err
	}
	return fault.New(fault.TooLarge, "%w", err).WithDetail("status", http.StatusBadRequest)
}

func getParts(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Uploads(r.Context(), r.PathValue("operation_id"), wire.PartKind(r.PathValue("part")))
	return give(w, list, err)
}
