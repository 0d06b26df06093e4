package wire

import (
	"encoding/json"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// Operation is an import operation.
type Operation struct {
	UUID      string    `json:"uuid"`
	Status    string    `json:"status"` // pending, processing, complete, failed, invalidated, expired
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// States of an import operation.
const (
	OperationPending     = "pending"
	OperationProcessing  = "processing"
	OperationComplete    = "complete"
	OperationFailed      = "failed"
	OperationInvalidated = "invalidated"
	OperationExpired     = "expired"
)

// Upload answers the upload of a part.
type Upload struct {
	Digest    string    `json:"digest"` // 64 hex digits, without "sha256:", of the bytes as they are once unpacked
	CreatedAt time.Time `json:"created_at"`
}

// Content is the answer of GET /images/{digest}/content/{type}.
type Content[T any] struct {
	Digest      string `json:"image_digest"`
	ContentType string `json:"content_type"`
	Content     []T    `json:"content"`
}

// Package is a package in a content answer.
type Package struct {
	Name           string          `json:"package"`
	Version        string          `json:"version"`
	Type           string          `json:"type"`
	Size           string          `json:"size"`
	Origin         string          `json:"origin"`
	Licenses       []string        `json:"licenses"`
	Location       string          `json:"location"`
	CPEs           []string        `json:"cpes"`
	PURL           string          `json:"purl"`
	SourcePackage  string          `json:"sourcepkg,omitempty"`
	MetadataType   string          `json:"metadata_type,omitempty"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	Implementation string          `json:"implementation-version,omitempty"`
	Specification  string          `json:"specification-version,omitempty"`
	Maven          string          `json:"maven-version,omitempty"`
}

// File is a path in a content answer.
type File struct {
	Name   string  `json:"filename"`
	Type   string  `json:"type"` // file, dir, slink, dev, UNKNOWN
	Mode   string  `json:"mode"` // five octal digits, as in "00755"
	UID    int     `json:"uid"`
	GID    int     `json:"gid"`
	Size   int64   `json:"size"`
	Link   *string `json:"linkdest"`
	SHA256 *string `json:"sha256"`

	// What follows is tidepole's own.

	MIMEType string   `json:"mime_type,omitempty"`
	LayerID  string   `json:"layer_id,omitempty"`
	Gaps     []string `json:"gaps,omitempty"` // what of it could not be read, and why
}

// Metadata is the answer of GET /images/{digest}/metadata/{type}.
type Metadata struct {
	Digest string `json:"image_digest"`
	Type   string `json:"metadata_type"` // manifest, parent_manifest, docker_history, dockerfile, config
	Data   string `json:"metadata"`      // base64
}

// SearchResult is what rules or patterns found in one path, all layers together.
type SearchResult struct {
	Path    string        `json:"path"`
	Matches []SearchMatch `json:"matches"`
}

// SearchMatch is one rule's matches.
type SearchMatch struct {
	Name  string  `json:"name"`
	Regex string  `json:"regex"` // the rule's name again: rules are the analyser's
	Lines []int64 `json:"lines"` // from 0

	// Places is tidepole's own: the same in full.
	Places []SearchPlace `json:"places,omitempty"`
}

// SearchPlace is where one match is.
type SearchPlace struct {
	LayerID string `json:"layer_id"`
	Line    int64  `json:"line"`   // from 1
	Column  int64  `json:"column"` // bytes from the start of the line
	Offset  int64  `json:"offset"` // bytes from the start of the file
	Length  int64  `json:"length"` // bytes
}

// RetrievedFile is a file that was kept whole.
type RetrievedFile struct {
	Path    string `json:"path"`
	Content string `json:"b64_content"`
}

// Vulnerabilities is the answer of GET /images/{digest}/vuln/{type}.
type Vulnerabilities struct {
	Digest string          `json:"image_digest"`
	Type   string          `json:"vulnerability_type"` // all, os, non-os
	Items  []Vulnerability `json:"vulnerabilities"`
	Base   *string         `json:"base_digest"` // the image that it was compared with; null where with none

	// What follows is tidepole's own.

	Database report.Database `json:"database"`
	Notes    []string        `json:"notes,omitempty"`
}

// VulnerabilityFilter goes with GET vuln as its query.
type VulnerabilityFilter struct {
	Type         string // all, os, non-os
	VendorOnly   bool   // leave out what the vendor will not fix
	Descriptions bool
	Refresh      bool // match anew even if nothing changed

	Base string // the digest of an image to compare with, or "auto"
}

// Vulnerability is one vulnerability of one package.
type Vulnerability struct {
	ID             string     `json:"vuln"`
	Severity       string     `json:"severity"`
	Fix            string     `json:"fix"` // versions, separated by commas, or "None"
	URL            string     `json:"url"`
	Package        string     `json:"package"` // name-version
	PackageName    string     `json:"package_name"`
	PackageVersion string     `json:"package_version"`
	PackageType    string     `json:"package_type"`
	PackageCPE     string     `json:"package_cpe"`
	PackagePath    string     `json:"package_path"`
	PURL           string     `json:"purl"`
	Feed           string     `json:"feed"`
	FeedGroup      string     `json:"feed_group"`
	WillNotFix     bool       `json:"will_not_fix"`
	Description    string     `json:"description,omitempty"`
	DetectedAt     *time.Time `json:"detected_at"`
	FixObservedAt  *time.Time `json:"fix_observed_at"`
	SuggestedFix   string     `json:"suggested_fix_version,omitempty"`
	Annotation     *string    `json:"annotation_status"` // null: there are no annotations here
	AnnotationUUID *string    `json:"annotation_uuid"`
	Inherited      *bool      `json:"inherited_from_base"`
	Exploited      bool       `json:"is_kev"`
	EPSS           []EPSS     `json:"epss"`
	NVD            []Score    `json:"nvd_data"`
	Vendor         []Score    `json:"vendor_data"`

	// Risk is tidepole's own: grype's score, 0 to 100.
	Risk float64 `json:"risk"`
}

// EPSS is the likelihood that a vulnerability is exploited.
type EPSS struct {
	Score      float64 `json:"epss"`
	Percentile float64 `json:"percentile"`
}

// Score is what one source says of a vulnerability; -1 is "unknown".
type Score struct {
	ID     string    `json:"id"`
	Source string    `json:"source,omitempty"`
	Type   string    `json:"type,omitempty"`
	CVSS2  CVSSScore `json:"cvss_v2"`
	CVSS3  CVSSScore `json:"cvss_v3"`
}

// CVSSScore is a score in its three parts.
type CVSSScore struct {
	Base           float64 `json:"base_score"`
	Exploitability float64 `json:"exploitability_score"`
	Impact         float64 `json:"impact_score"`
}

// CheckRequest goes with GET /images/{digest}/check as its query.
type CheckRequest struct {
	Tag         string // full tag; the policy's mappings are matched against it
	PolicyID    string // the active one where empty
	Detail      bool
	History     bool
	Interactive bool // evaluate without keeping the result

	Base string // the digest of an image to compare the findings with, or "auto"
}

// Check is the answer of GET /images/{digest}/check.
type Check struct {
	PolicyID    string       `json:"policy_id"`
	Digest      string       `json:"image_digest"`
	Tag         string       `json:"evaluated_tag"`
	Evaluations []Evaluation `json:"evaluations"`
}

// Evaluation is one evaluation of a policy.
type Evaluation struct {
	Time              time.Time          `json:"evaluation_time"`
	Status            string             `json:"status"`
	FinalAction       string             `json:"final_action"`
	FinalActionReason string             `json:"final_action_reason"`
	ImageAllowlisted  bool               `json:"image_allowlisted"`
	ImageDenylisted   bool               `json:"image_denylisted"`
	ImageMapped       bool               `json:"image_mapped_to_rule"`
	AllowlistedBy     *policy.ImageRule  `json:"matched_allowlisted_images_rule"`
	DenylistedBy      *policy.ImageRule  `json:"matched_denylisted_images_rule"`
	MappedBy          *policy.Mapping    `json:"matched_mapping_rule"`
	Findings          int                `json:"number_of_findings"`
	Problems          []report.Problem   `json:"evaluation_problems"`
	Base              *string            `json:"comparison_image_digest"` // null where the findings were compared with none
	Details           *EvaluationDetails `json:"details,omitempty"`

	// Database is tidepole's own: what the verdict rests on.
	Database report.Database `json:"database"`
}

// EvaluationDetails is given where detail was asked for.
type EvaluationDetails struct {
	Policy   policy.Policy    `json:"policy"`
	Action   string           `json:"policy_action"`
	Findings []report.Finding `json:"findings"`

	Remediations []report.Remediation `json:"remediations"` // never null, though verdicts of older versions lack them
}

// PolicyRecord is a policy as the server keeps it.
type PolicyRecord struct {
	AccountName string         `json:"account_name"`
	ID          string         `json:"policy_id"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Active      bool           `json:"active"`
	Source      string         `json:"policy_source"` // local
	CreatedAt   time.Time      `json:"created_at"`
	LastUpdated time.Time      `json:"last_updated"`
	Policy      *policy.Policy `json:"policy"` // null unless detail was asked for
}

// Status is the answer of GET /status.
type Status struct {
	Available bool           `json:"available"`
	Busy      bool           `json:"busy"`
	Up        bool           `json:"up"`
	Version   string         `json:"version"`
	DBVersion string         `json:"db_version"`
	Message   string         `json:"message"`
	Detail    map[string]any `json:"detail"` // queue, workers, images by state, database
}

// Version is the answer of GET /version.
type Version struct {
	Service struct {
		Version string `json:"version"`
	} `json:"service"`
	API struct {
		Version string `json:"version"`
	} `json:"api"`
	DB struct {
		SchemaVersion string `json:"schema_version"`
	} `json:"db"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Code    int            `json:"code"`       // the HTTP status
	Type    string         `json:"error_type"` // fault.Kind's name
	Message string         `json:"message"`
	Detail  map[string]any `json:"detail"` // error_codes where the contract has them; hint; request_id
}
