package wire

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// Page is what pages of answers have in common. Numbers are text, as the API has them.
type Page struct {
	Page     string `json:"page"`
	NextPage string `json:"next_page,omitempty"` // absent where nothing follows
	Returned int    `json:"returned_count"`
}

// PageRequest asks for one page of an answer. A Limit of 0 is all of it.
type PageRequest struct {
	Page  int // from 1
	Limit int
}

// PackageFilter chooses images by a package that they have.
type PackageFilter struct {
	Name    string
	Type    string // the API's name of it, or syft's; "" is any
	Version string // "" is any
	PageRequest
}

// ImageReference names an image of an answer.
type ImageReference struct {
	Digest     string     `json:"image_digest"`
	ImageID    string     `json:"image_id"`
	AnalyzedAt string     `json:"analyzed_at"` // "" before it was
	Tags       []TagEntry `json:"tag_history"` // newest first
}

// TagEntry is a name that an image has, or had.
type TagEntry struct {
	FullTag    string    `json:"full_tag"`
	Registry   string    `json:"registry"`
	Repository string    `json:"repo"`
	Tag        string    `json:"tag"`
	DetectedAt time.Time `json:"tag_detected_at"`
}

// PackageReference is a package of an answer.
type PackageReference struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Type       string `json:"type"`
	WillNotFix *bool  `json:"will_not_fix,omitempty"` // only where a vulnerability was asked for
}

// ImagesByPackage is the answer of GET /query/images/by-package.
type ImagesByPackage struct {
	Page
	Images []ImageWithPackages `json:"images"`
}

// ImageWithPackages is an image and those of its packages that were asked for.
type ImageWithPackages struct {
	Image    ImageReference     `json:"image"`
	Packages []PackageReference `json:"packages"`
}

// ByVulnerabilityFilter chooses images by a vulnerability that was found in them.
type ByVulnerabilityFilter struct {
	ID         string // of its record, or of a related one
	Namespace  string // whole, or its end: "debian:12"
	Package    string
	Severity   string
	VendorOnly bool // leave out what the vendor will not fix
	PageRequest
}

// ImagesByVulnerability is the answer of GET /query/images/by-vulnerability.
type ImagesByVulnerability struct {
	Page
	Images []VulnerableImage `json:"images"`
}

// VulnerableImage is an image and its packages that have the vulnerability.
type VulnerableImage struct {
	Image    ImageReference      `json:"image"`
	Packages []VulnerablePackage `json:"affected_packages"`
}

// VulnerablePackage is a package and what was found in it.
type VulnerablePackage struct {
	Name            string `json:"name"`
	Version         string `json:"version"`
	Type            string `json:"type"`
	Namespace       string `json:"namespace"`
	Severity        string `json:"severity"`
	VulnerabilityID string `json:"vulnerability_id"`
}

// KnownFilter chooses vulnerabilities.
type KnownFilter struct {
	IDs            []string
	Package        string
	PackageVersion string
	Namespaces     []string
	PageRequest
}

// KnownVulnerabilities is the answer of GET /query/vulnerabilities.
type KnownVulnerabilities struct {
	Page
	Vulnerabilities []KnownVulnerability `json:"vulnerabilities"`
}

// KnownVulnerability is a record of a vulnerability and the packages that it was
// found in.
type KnownVulnerability struct {
	ID          string             `json:"id"`
	Namespace   string             `json:"namespace"`
	Severity    string             `json:"severity"`
	Link        string             `json:"link"`
	Description string             `json:"description,omitempty"`
	References  []KnownReference   `json:"references"`
	Packages    []PackageReference `json:"affected_packages"`
	NVD         []Score            `json:"nvd_data"`
	Vendor      []Score            `json:"vendor_data"`
}

// KnownReference is where one can read of a vulnerability.
type KnownReference struct {
	Source string   `json:"source"`
	Tags   []string `json:"tags"`
	URL    string   `json:"url"`
}

// KnownVulnerabilityOf is a record without its packages.
func KnownVulnerabilityOf(v report.Vulnerability) KnownVulnerability {
	k := KnownVulnerability{
		ID: v.ID, Namespace: v.Namespace, Severity: cmp.Or(v.Severity, "Unknown"), Link: cmp.Or(v.DataSource, first(v.URLs)),
		Description: v.Description, References: []KnownReference{}, Packages: []PackageReference{},
	}
	for _, u := range v.URLs {
		k.References = append(k.References, KnownReference{Source: v.Namespace, Tags: []string{}, URL: u})
	}
	k.NVD, k.Vendor = scoresOf(v)
	return k
}

// WillNotFix tells whether a vulnerability's vendor leaves it as it is.
func WillNotFix(v report.Vulnerability) bool { return willNotFix(v) }

// SyftTypes are syft's types of packages that the API calls by a name: its own
// and syft's are both taken.
func SyftTypes(name string) []string {
	types := []string{strings.ToLower(name)}
	for _, syft := range slices.Sorted(maps.Keys(packageTypes)) {
		if packageTypes[syft] == types[0] {
			types = append(types, syft)
		}
	}
	return types
}

// InNamespace tells whether a namespace is the one asked for, or ends with it as
// "debian:distro:debian:12" does with "debian:12".
func InNamespace(namespace, asked string) bool {
	return asked == "" || namespace == asked || strings.HasSuffix(namespace, ":"+asked)
}

// Ancestor is an image that another is built on.
type Ancestor struct {
	Digest       string   `json:"image_digest"`
	ParentDigest string   `json:"parent_digest"`
	Tags         []string `json:"tags"`   // in full, newest first
	Layers       []string `json:"layers"` // diff ids, the lowest first
	Marked       bool     `json:"user_marked_base"`
	Chosen       bool     `json:"chosen_base_image"` // the one that base_digest=auto means
}

// TagFilter chooses tags of a summary. What is empty chooses all.
type TagFilter struct {
	Records                   []string // states of records: active (the default), deleting, all
	Statuses                  []string // of the analysis; all is any
	AnalyzedSince             time.Time
	Registry, Repository, Tag string
	Running                   bool   // only what an inventory of clusters has: there is none
	Part                      string // of the full tag, or of the digest
	OrderBy                   []string
	Descending                []bool // by place in OrderBy
	PageRequest
}

// TagSummaries is the answer of GET /summaries/image-tags.
type TagSummaries struct {
	Items []TagSummary `json:"items"`
	Total int          `json:"total_rows"` // of all pages
}

// TagSummary is a tag in short. Times are seconds since 1970.
type TagSummary struct {
	TaggedImage
	TagTimes
}

// TaggedImage is what a TagSummary says of the tag's image.
type TaggedImage struct {
	Digest       string `json:"image_digest"`
	ParentDigest string `json:"parent_digest"`
	ImageID      string `json:"image_id"`
	Status       string `json:"analysis_status"`
	AnalyzedAt   int64  `json:"analyzed_at,omitempty"` // absent before it was
	RecordStatus string `json:"image_status"`
}

// TagTimes is what a TagSummary says of the tag itself.
type TagTimes struct {
	FullTag    string `json:"full_tag"`
	CreatedAt  int64  `json:"created_at"`
	DetectedAt int64  `json:"tag_detected_at"`
}

// CountFilter chooses what is counted.
type CountFilter struct {
	Records              []string
	Registry, Repository string
}

// ImageCounts is the answer of GET /summaries/image-counts.
type ImageCounts struct {
	Tags      int `json:"tags"`
	Images    int `json:"images"`
	Analyzed  int `json:"analyzed"`
	Analyzing int `json:"analyzing"`
	Pending   int `json:"pending"`
	Failed    int `json:"failed"`
}
