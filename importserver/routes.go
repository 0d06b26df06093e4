package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
)

// routes are the API behind the password.
func (s *Server) routes() []route {
	return []route{
		{"GET", wire.RouteRoot, false, getRoot},
		{"GET", wire.RouteStatus, false, getStatus},
		{"GET", wire.RouteSystem, false, getSystem},
		{"GET", wire.RouteFeeds, false, getFeeds},

		{"POST", wire.RouteImages, false, postImage},
		{"GET", wire.RouteImages, false, getImages},
		{"DELETE", wire.RouteImages, false, deleteImages},
		{"GET", wire.RouteImage, false, getImage},
		{"DELETE", wire.RouteImage, false, deleteImage},

		{"GET", wire.RouteContentTypes, false, getContentTypes},
		{"GET", wire.RouteContent, false, getContent},
		{"GET", wire.RouteMetadataList, false, getMetadataTypes},
		{"GET", wire.RouteMetadata, false, getMetadata},
		{"GET", wire.RouteSBOM, false, getSBOM},
		{"GET", wire.RouteVulnTypes, false, getVulnerabilityTypes},
		{"GET", wire.RouteVuln, false, getVulnerabilities},
		{"GET", wire.RouteCheck, false, getCheck},
		{"GET", wire.RouteSecretSearch, false, getSecrets},
		{"GET", wire.RouteContentSearch, false, getContentSearches},
		{"GET", wire.RouteRetrievedFiles, false, getRetrievedFiles},

		{"POST", wire.RouteOperations, false, postOperation},
		{"GET", wire.RouteOperations, false, getOperations},
		{"GET", wire.RouteOperation, false, getOperation},
		{"DELETE", wire.RouteOperation, false, deleteOperation},
		{"POST", wire.RoutePart, false, postPart},
		{"GET", wire.RoutePart, false, getParts},

		{"GET", wire.RoutePolicies, false, getPolicies},
		{"POST", wire.RoutePolicies, false, postPolicy},
		{"GET", wire.RoutePolicy, false, getPolicy},
		{"PUT", wire.RoutePolicy, false, putPolicy},
		{"DELETE", wire.RoutePolicy, false, deletePolicy},

		{"GET", wire.RouteDatabase, false, getDatabase},
		{"POST", wire.RouteDatabase, false, postDatabase},
		{"POST", wire.RouteDatabaseUpdate, false, updateDatabase},
	}
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

func (s *Server) getVersion(_ *Account, w http.ResponseWriter, r *http.Request) error {
	v, err := s.version(r.Context())
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
