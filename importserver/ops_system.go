package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// systemOps are the operations of the server itself, its services and its vulnerability database.
var systemOps = map[string]operation{
	"ping":                          getRoot,
	"health_check":                  getHealth,
	"get_readiness":                 getReady,
	"get_status":                    getStatus,
	"get_service_detail":            getSystem,
	"get_system_feeds":              getFeeds,
	"version_check":                 getVersion,
	"get_vulnerability_database":    getDatabase,
	"import_vulnerability_database": postDatabase,
	"update_vulnerability_database": updateDatabase,
	"get_openapi":                   getOpenAPI,

	"describe_error_codes": getErrorCodes,
	"post_system_feeds":    postFeeds,
	"get_system_feed":      getFeed,
	"upload_system_feed":   uploadFeed,
	"toggle_feed_enabled":  notSwitched,
	"delete_feed":          notSwitched,

	"list_services":                 listServices,
	"get_services_by_name":          listServices,
	"get_services_by_name_and_host": listServices,
	"delete_service":                deleteService,
	"list_workers":                  listWorkers,
}

func getRoot(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	return give(w, "v2", nil)
}

func getStatus(a *Account, w http.ResponseWriter, r *http.Request) error {
	status, err := a.Status(r.Context())
	return give(w, status, err)
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
	d, err := a.ImportDatabase(r.Context(), &arriving{r: r.Body}, q.Get("name"), q.Get("checksum"))
	return give(w, d, err)
}

func updateDatabase(a *Account, w http.ResponseWriter, r *http.Request) error {
	d, err := a.UpdateDatabase(r.Context())
	return give(w, d, err)
}

// getMetrics shows what there is of all accounts together to users of the admin account.
func getMetrics(a *Account, w http.ResponseWriter, r *http.Request) error {
	who, err := a.server.signIn(r)
	if err != nil {
		return err
	}
	signed(r, who)
	if err := who.may(openapi.System); err != nil {
		return err
	}
	a.server.metrics.handler().ServeHTTP(w, r)
	return nil
}
