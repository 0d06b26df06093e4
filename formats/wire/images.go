// Package wire is the HTTP contract: routes, bodies and error answers. Names
// follow version 2 of the Anchore API.
package wire

import (
	"time"
)

// States of an image's analysis. Queued images are not_analyzed.
const (
	NotAnalyzed    = "not_analyzed"
	Analyzing      = "analyzing"
	Analyzed       = "analyzed"
	AnalysisFailed = "analysis_failed"
)

// States of an image's record.
const (
	Active   = "active"
	Deleting = "deleting"
)

// Image is an image's record.
type Image struct {
	AccountName   string            `json:"account_name"`
	Digest        string            `json:"image_digest"`
	ParentDigest  string            `json:"parent_digest"`
	ImageType     string            `json:"image_type"` // docker
	Annotations   map[string]string `json:"annotations"`
	Status        string            `json:"analysis_status"`
	RecordStatus  string            `json:"image_status"`
	RecordVersion string            `json:"record_version"`
	CreatedAt     time.Time         `json:"created_at"`
	LastUpdated   time.Time         `json:"last_updated"`
	AnalyzedAt    *time.Time        `json:"analyzed_at"`
	Content       ImageContent      `json:"image_content"`
	Detail        []ImageDetail     `json:"image_detail"`
	StatusDetail  []Transition      `json:"analysis_status_detail"`

	// What follows is tidepole's own; other clients ignore it.

	StatusReason string `json:"analysis_status_reason,omitempty"` // why it failed, or what it waits for
	Attempts     int    `json:"analysis_attempts,omitempty"`      // how often a worker took it up
	Origin       string `json:"evidence_origin,omitempty"`        // client (a claim) or server (a measurement)
	Gaps         int    `json:"evidence_gaps"`                    // files of which something could not be read
	Waiting      int    `json:"queue_position,omitempty"`         // 1 is next; only while not_analyzed
}

// ImageContent is what is known of the image once it is analysed.
type ImageContent struct {
	Metadata ImageMetadata `json:"metadata"`
}

// ImageMetadata is null where not known yet.
type ImageMetadata struct {
	Arch           *string `json:"arch"`
	Distro         *string `json:"distro"`
	DistroVersion  *string `json:"distro_version"`
	DockerfileMode *string `json:"dockerfile_mode"` // Guessed, Actual
	ImageSize      *int64  `json:"image_size"`      // bytes: the sum of the manifest's layer sizes
	LayerCount     *int    `json:"layer_count"`
}

// ImageDetail is one of the names an image is recorded under.
type ImageDetail struct {
	AccountName   string    `json:"account_name"`
	FullTag       string    `json:"full_tag"`
	FullDigest    string    `json:"full_digest"`
	Registry      string    `json:"registry"`
	Repository    string    `json:"repo"`
	Tag           string    `json:"tag"`
	Digest        string    `json:"image_digest"`
	ImageID       string    `json:"image_id"`
	Dockerfile    *string   `json:"dockerfile"` // base64
	CreatedAt     time.Time `json:"created_at"`
	LastUpdated   time.Time `json:"last_updated"`
	TagDetectedAt time.Time `json:"tag_detected_at"`
}

// Transition is one step of an image's analysis.
type Transition struct {
	From      string           `json:"from_status"`
	To        string           `json:"to_status"`
	Timestamp time.Time        `json:"timestamp"`
	Source    TransitionSource `json:"source"`
	Reason    string           `json:"reason,omitempty"`
	Attempt   int              `json:"attempt,omitempty"`
}

// TransitionSource is who made a transition.
type TransitionSource struct {
	HostID      string `json:"host_id"`
	ServiceName string `json:"service_name"`
	Worker      string `json:"worker,omitempty"` // that had the image
	Engine      string `json:"analysis_engine"`  // syft-native-pipeline
	Version     string `json:"enterprise_version,omitempty"`
}

// ImageList is the answer of GET /images.
type ImageList struct {
	Items []Image `json:"items"`
}

// ImageFilter chooses images of a list.
type ImageFilter struct {
	FullTag string // the newest image of this tag, all of them with History
	ImageID string
	Status  string // of the analysis
	Record  string // of the record: active (the default), all, deleting
	History bool

	AnalyzedSince time.Time // zero: whenever, and never too
	Limit         int       // the newest ones; 0: all
}

// ImageRequest is the body of POST /images.
type ImageRequest struct {
	ImageType   string            `json:"image_type,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Source      ImageSource       `json:"source"`
}

// ImageSource says where an image's evidence comes from: one of the three.
type ImageSource struct {
	Tag    *TagSource    `json:"tag,omitempty"`
	Digest *DigestSource `json:"digest,omitempty"`
	Import *ImportSource `json:"import,omitempty"`
}

// TagSource has the server pull and analyse the image of a tag.
type TagSource struct {
	PullString string `json:"pull_string"`
	Dockerfile string `json:"dockerfile,omitempty"` // base64
	Platform   string `json:"platform,omitempty"`   // tidepole's own: os/arch[/variant]
}

// DigestSource has the server pull and analyse an image by digest, and record a tag for it.
type DigestSource struct {
	PullString string     `json:"pull_string"` // repository@sha256:…
	Tag        string     `json:"tag"`
	CreatedAt  *time.Time `json:"creation_timestamp_override,omitempty"`
	Dockerfile string     `json:"dockerfile,omitempty"` // base64
	Platform   string     `json:"platform,omitempty"`
}

// ImportSource has the server take in evidence that was uploaded.
type ImportSource struct {
	Operation    string            `json:"operation_uuid"`
	Digest       string            `json:"digest"`
	ParentDigest string            `json:"parent_digest,omitempty"`
	LocalImageID string            `json:"local_image_id,omitempty"`
	Tags         []string          `json:"tags"`
	Contents     map[string]string `json:"contents"` // bundle.Kind to digest
}

// AddOptions go with POST /images as its query.
type AddOptions struct {
	Force       bool // analyse again, or replace the evidence
	NoSubscribe bool // do not watch the tag for new images
	Bulk        bool // nobody waits for it: what somebody waits for is done first
}

// Receipt answers an add or an import.
type Receipt struct {
	Image   Image
	Known   bool   // the image was there already, and nothing was changed
	Message string // why, where Known
}

// KnownHeader is set to "true" on the answer of an add that changed nothing.
const KnownHeader = "Tidepole-Unchanged"

// Deletion is the fate of one image of a delete request.
type Deletion struct {
	Digest string `json:"image_digest"`
	Status string `json:"status"` // not_found, deleting, delete_failed
	Detail string `json:"detail,omitempty"`
}
