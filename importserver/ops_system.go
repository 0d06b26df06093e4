package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// systemOps are the operations of the server itself, its services and its vulnerability database.
var systemOps = map[string]operation{
	"ping":                          getRoot,
	"health_check":                  getHealth,
	"get_status":                    getStatus,
	"get_service_detail":            getSystem,
	"get_system_feeds":              getFeeds,
	"version_check":                 getVersion,
	"get_vulnerability_database":    getDatabase,
	"import_vulnerability_database": postDatabase,
	"update_vulnerability_database": updateDatabase,
	"get_openapi":                   getOpenAPI,
}

// systemPending are those that are yet to be built.
var systemPending = []string{
	"describe_error_codes",
	"post_system_feeds",
	"toggle_feed_enabled",
	"get_system_feed",
	"upload_system_feed",
	"delete_feed",
	"list_services",
	"get_services_by_name_and_host",
	"delete_service",
	"get_services_by_name",
}

func getRoot(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	return give(w, "v2", nil)
}

func getStatus(a *Account, w http.ResponseWriter, r *http.Request) error {
	status, err := a.Status(r.Context())
	return give(w, status, err)
}

// getSystem lists the one service that does everything.
func getSystem(a *Account, w http.ResponseWriter, r *http.Request) error {
	status, err := a.Status(r.Context())
	return give(w, map[string]any{"service_states": []map[string]any{{
		"host_id": a.server.options.Host, "service_name": "tidepole", "base_url": "",
		"status": true, "status_message": "registered", "version": status.Version, "service_detail": status,
	}}}, err)
}

// getFeeds shows the vulnerability database as the contract's feed of that name.
func getFeeds(a *Account, w http.ResponseWriter, r *http.Request) error {
	feeds := []map[string]any{}
	d, err := a.Database(r.Context())
	if d.Present {
		feeds = append(feeds, map[string]any{
			"name": "vulnerability_db", "version": d.SchemaVersion, "dataset_name": "vulnerability_db", "dataset_checksum": d.Digest,
			"data_service_built_at": d.Built, "enterprise_received_at": d.Imported, "created_at": d.Built,
			"updated_at": d.Imported, "last_full_sync": d.Imported, "enabled": true, "groups": []any{},
		})
	}
	return give(w, feeds, err)
}

func getHealth(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusOK)
	return nil
}

// getOpenAPI answers with the description that the routes are made from.
func getOpenAPI(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	d, err := openapi.Load()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(d.JSON())
	return err
}

func getVersion(a *Account, w http.ResponseWriter, r *http.Request) error {
	v, err := a.server.version(r.Context())
	return give(w, v, err)
}

func getDatabase(a *Account, w http.ResponseWriter, r *http.Request) error {
	d, err := a.Database(r.Context())
	return give(w, d, err)
}

func postDatabase(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	d, err := a.ImportDatabase(r.Context(), &arriving{r: patience(w, r)}, q.Get("name"), q.Get("checksum"))
	return give(w, d, err)
}

func updateDatabase(a *Account, w http.ResponseWriter, r *http.Request) error {
	d, err := a.UpdateDatabase(r.Context())
	return give(w, d, err)
}
