package wire

import (
	"net/url"
	"strings"
)

// Routes of the HTTP API. What stands in braces is filled in by Path.
const (
	RouteHealth  = "/health"  // GET: 200 and nothing else
	RouteReady   = "/ready"   // GET Readiness: 200, or 503; ?strict=
	RouteVersion = "/version" // GET Version
	RouteMetrics = "/metrics" // GET: Prometheus text

	RouteRoot   = "/v2/"       // GET: the JSON string "v2"; tells that address and password are right
	RouteStatus = "/v2/status" // GET Status
	RouteSystem = "/v2/system" // GET: the services' states
	RouteFeeds  = "/v2/system/feeds"

	RouteWorkers = "/v2/system/workers" // GET: all Workers

	RouteImages = "/v2/images"                // GET ImageList; POST ImageRequest; DELETE ?image_digests=
	RouteImage  = "/v2/images/{image_digest}" // GET Image; DELETE

	RouteQueue      = "/v2/system/queue"                 // GET Queue, ?state=&all_accounts=&page=&limit=
	RouteImageQueue = "/v2/images/{image_digest}/queue"  // GET ImageQueue
	RouteCancel     = "/v2/images/{image_digest}/cancel" // POST: Image
	RouteRetry      = "/v2/images/{image_digest}/retry"  // POST: Image

	RouteContentTypes = "/v2/images/{image_digest}/content"
	RouteContent      = "/v2/images/{image_digest}/content/{content_type}" // Content[Package], or Content[File] for files
	RouteMetadataList = "/v2/images/{image_digest}/metadata"
	RouteMetadata     = "/v2/images/{image_digest}/metadata/{metadata_type}"
	RouteSBOM         = "/v2/images/{image_digest}/sboms/{format}"
	RouteVulnTypes    = "/v2/images/{image_digest}/vuln"
	RouteVuln         = "/v2/images/{image_digest}/vuln/{vuln_type}" // ?vendor_only=&include_vuln_description=&force_refresh=
	RouteCheck        = "/v2/images/{image_digest}/check"            // ?tag=&policy_id=&detail=&history=&interactive=

	RouteSecretSearch   = "/v2/images/{image_digest}/artifacts/secret-search"
	RouteContentSearch  = "/v2/images/{image_digest}/artifacts/file-content-search"
	RouteRetrievedFiles = "/v2/images/{image_digest}/artifacts/retrieved-files"

	RouteOperations = "/v2/imports/images"                // POST Operation; GET: all of them
	RouteOperation  = "/v2/imports/images/{operation_id}" // GET; DELETE
	RoutePart       = "/v2/imports/images/{operation_id}/{part}"

	RoutePolicies = "/v2/policies"             // GET: all PolicyRecords; POST a policy
	RoutePolicy   = "/v2/policies/{policy_id}" // GET; PUT PolicyRecord; DELETE

	RouteDatabase       = "/v2/system/vulndb"        // GET report.Database; POST an archive, ?name=&checksum=
	RouteDatabaseUpdate = "/v2/system/vulndb/update" // POST
)

// Path fills a route's braces, in order, with values; each is escaped.
func Path(route string, values ...string) string {
	var b strings.Builder
	for _, v := range values {
		open, end := strings.IndexByte(route, '{'), strings.IndexByte(route, '}')
		if open < 0 || end < open {
			break
		}
		b.WriteString(route[:open])
		b.WriteString(url.PathEscape(v))
		route = route[end+1:]
	}
	return b.String() + route
}

// PartName is a bundle.Kind as it stands in a route: dashes for underscores.
func PartName(kind string) string { return strings.ReplaceAll(kind, "_", "-") }

// PartKind is the inverse of PartName; underscores are accepted too.
func PartKind(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Headers of requests and answers.
const (
	AccountHeader   = "X-Anchore-Account"  // the account an administrator acts for
	RequestIDHeader = "Anchore-Request-Id" // [a-z0-9-]{1,64}; made by the server where absent
	MessageHeader   = "Tidepole-Message"   // goes with KnownHeader: why nothing was changed
)

// PolicyUpdate is the body of PUT /policies/{id}; a nil policy keeps it as it is.
type PolicyUpdate = PolicyRecord

// PartRecord is one upload, as GET of an import's part lists them.
type PartRecord struct {
	CreatedAt string `json:"created_at"` // RFC 3339
	Digest    string `json:"digest"`     // 64 hex digits
}
