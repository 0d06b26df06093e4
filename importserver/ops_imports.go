package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

// importsOps are the operations of evidence that clients bring.
var importsOps = map[string]operation{
	"create_operation":             postOperation,
	"list_operations":              getOperations,
	"get_operation":                getOperation,
	"invalidate_operation":         deleteOperation,
	"import_content_searches":      postPart("content-searches"),
	"import_image_dockerfile":      postPart("dockerfile"),
	"import_file_contents":         postPart("file-contents"),
	"import_image_config":          postPart("image-config"),
	"import_image_manifest":        postPart("manifest"),
	"import_image_packages":        postPart("packages"),
	"import_image_parent_manifest": postPart("parent-manifest"),
	"import_image_sbom":            postPart("packages"),
	"import_secret_searches":       postPart("secret-searches"),
	"list_import_content_searches": getParts("content-searches"),
	"list_import_dockerfiles":      getParts("dockerfile"),
	"list_import_file_contents":    getParts("file-contents"),
	"list_import_image_configs":    getParts("image-config"),
	"list_import_image_manifests":  getParts("manifest"),
	"list_import_packages":         getParts("packages"),
	"list_import_parent_manifests": getParts("parent-manifest"),
	"list_import_secret_searches":  getParts("secret-searches"),
}

func postOperation(a *Account, w http.ResponseWriter, r *http.Request) error {
	var nothing any
	if err := readJSON(r, &nothing); err != nil {
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
func postPart(name string) operation {
	kind := wire.PartKind(name)
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("operation_id")
		if _, err := a.uploading(r.Context(), id, kind); err != nil {
			return err
		}
		body, err := unpacked(r, a.server.limitOf(bundle.Kind(kind)))
		if err != nil {
			return err
		}
		defer body.Close()
		u, err := a.Upload(r.Context(), id, kind, r.Header.Get("Content-Type"), body)
		return give(w, u, err)
	}
}

func getParts(name string) operation {
	kind := wire.PartKind(name)
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		list, err := a.Uploads(r.Context(), r.PathValue("operation_id"), kind)
		return give(w, list, err)
	}
}
