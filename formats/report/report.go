// Package report is what is concluded from an image's evidence: the
// vulnerabilities of its packages and the verdict of a policy.
package report

import (
	"slices"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
)

// Report is everything concluded about one image.
type Report struct {
	Image      Image       `json:"image"`
	Evidence   string      `json:"evidence"` // bundle.Bundle.Evidence of what it rests on
	Matches    Matches     `json:"matches"`
	Evaluation *Evaluation `json:"evaluation,omitempty"`
}

// Image says which image a report is about.
type Image struct {
	Tag          string `json:"tag,omitempty"` // full tag
	Digest       string `json:"digest"`
	ParentDigest string `json:"parent_digest,omitempty"`
	ID           string `json:"id"` // the configuration's digest
}

// Database identifies a vulnerability database.
type Database struct {
	Present       bool      `json:"present"`
	SchemaVersion string    `json:"schema_version,omitempty"` // as in "v6.1.10"
	Built         time.Time `json:"built,omitzero"`
	Digest        string    `json:"digest,omitempty"`  // of the database file, as in "xxh64:…" or "sha256:…"
	Source        string    `json:"source,omitempty"`  // where it came from: a URL without credentials, or a file's name
	Imported      time.Time `json:"imported,omitzero"` // when this machine took it in
	Records       int64     `json:"records,omitempty"` // vulnerabilities in it; 0 where not counted
	Error         string    `json:"error,omitempty"`   // why it is absent or cannot be used
}

// Matches are the vulnerabilities of one image's packages against one database.
// With no database present there are none, which says nothing about the image.
type Matches struct {
	Database        Database        `json:"database"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"`
	Ignored         int             `json:"ignored,omitempty"`        // matches that grype's own rules set aside
	DistroUnknown   bool            `json:"distro_unknown,omitempty"` // of packages of the operating system little can be known: its distribution is not known, or the database has no records of it
	Notes           []string        `json:"notes,omitempty"`          // what was left undone, and why
}

// Vulnerability is one match: a vulnerability and the package that has it.
type Vulnerability struct {
	ID          string     `json:"id"`
	Namespace   string     `json:"namespace"` // as in "debian:distro:debian:12"
	Severity    string     `json:"severity"`  // Unknown, Negligible, Low, Medium, High, Critical
	Description string     `json:"description,omitempty"`
	DataSource  string     `json:"data_source,omitempty"` // URL of the record
	URLs        []string   `json:"urls,omitempty"`
	FixState    string     `json:"fix_state"` // fixed, not-fixed, wont-fix, unknown
	FixVersions []string   `json:"fix_versions,omitempty"`
	FixObserved time.Time  `json:"fix_observed,omitzero"` // when the first fix was seen
	Published   time.Time  `json:"published,omitzero"`
	CVSS        []CVSS     `json:"cvss,omitempty"`
	Related     []Related  `json:"related,omitempty"`
	EPSS        []EPSS     `json:"epss,omitempty"`
	Exploited   bool       `json:"exploited"` // in a catalogue of exploited vulnerabilities (KEV)
	Ransomware  bool       `json:"ransomware,omitempty"`
	CWEs        []string   `json:"cwes,omitempty"`
	Risk        float64    `json:"risk"` // grype's score, 0 to 100
	Package     Package    `json:"package"`
	Evidence    []Evidence `json:"evidence"`          // how the match was made
	Detected    time.Time  `json:"detected,omitzero"` // when it was first matched to the image, by the server
}

// CVSS is one score of a vulnerability.
type CVSS struct {
	Source         string  `json:"source,omitempty"`
	Type           string  `json:"type,omitempty"` // Primary, Secondary
	Version        string  `json:"version"`        // as in "3.1"
	Vector         string  `json:"vector,omitempty"`
	Base           float64 `json:"base"`
	Exploitability float64 `json:"exploitability"` // -1 where unknown
	Impact         float64 `json:"impact"`         // -1 where unknown
}

// Related is the same vulnerability under another record, as a distribution's
// record relates to NVD's.
type Related struct {
	ID          string `json:"id"`
	Namespace   string `json:"namespace"`
	Severity    string `json:"severity,omitempty"`
	Description string `json:"description,omitempty"`
	DataSource  string `json:"data_source,omitempty"`
	CVSS        []CVSS `json:"cvss,omitempty"`
}

// EPSS is the likelihood that a vulnerability is exploited within 30 days.
type EPSS struct {
	CVE        string  `json:"cve"`
	Score      float64 `json:"score"`      // 0 to 1
	Percentile float64 `json:"percentile"` // 0 to 1
}

// Evidence is one reason for a match.
type Evidence struct {
	Type    string `json:"type"`    // as in "exact-direct-match"
	Matcher string `json:"matcher"` // as in "dpkg-matcher"
}

// Package is the package that a vulnerability was matched to.
type Package struct {
	ID       string   `json:"id"` // its id in the syft document
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Type     string   `json:"type"` // syft's: deb, rpm, apk, npm, python, gem, java-archive, go-module, …
	PURL     string   `json:"purl,omitempty"`
	Language string   `json:"language,omitempty"`
	CPEs     []string `json:"cpes,omitempty"`
	Paths    []string `json:"paths,omitempty"`
	Upstream []string `json:"upstream,omitempty"` // source packages, as in "openssl"
}

// Verdicts of a policy.
const (
	Go   = "go"
	Warn = "warn"
	Stop = "stop"

	Pass = "pass" // go or warn
	Fail = "fail" // stop
)

// Evaluation is what one policy says of one image under one tag. Its JSON is
// the API's PolicyEvaluationResult, with the details inside.
type Evaluation struct {
	PolicyID   string `json:"policy_id"`
	PolicyName string `json:"policy_name"`
	Tag        string `json:"evaluated_tag"`

	Time              time.Time         `json:"evaluation_time"`
	Status            string            `json:"status"`              // pass, fail
	FinalAction       string            `json:"final_action"`        // go, warn, stop
	FinalActionReason string            `json:"final_action_reason"` // policy_evaluation, allowlisted, denylisted
	PolicyAction      string            `json:"policy_action"`       // what the rules alone say
	ImageAllowlisted  bool              `json:"image_allowlisted"`
	ImageDenylisted   bool              `json:"image_denylisted"`
	ImageMapped       bool              `json:"image_mapped_to_rule"`
	AllowlistedBy     *policy.ImageRule `json:"matched_allowlisted_images_rule"`
	DenylistedBy      *policy.ImageRule `json:"matched_denylisted_images_rule"`
	MappedBy          *policy.Mapping   `json:"matched_mapping_rule"`
	Problems          []Problem         `json:"evaluation_problems"`
	Findings          []Finding         `json:"findings"`
	Remediations      []Remediation     `json:"remediations,omitempty"` // in the order of the findings that they are about first
}

// Undecided tells whether something kept the policy from being judged in full,
// so that a pass means less than it says.
func (e Evaluation) Undecided() bool {
	return slices.ContainsFunc(e.Problems, Problem.Undecided)
}

// Types of problem.
const (
	ProblemInvalidRule = "invalid_rule" // a rule cannot be evaluated as it is written; the verdict is stop
	ProblemNoData      = "no_data"      // the evidence or the database that a rule needs is absent
	ProblemNotJudged   = "not_judged"   // no rule is about the image
	ProblemRetired     = "retired_gate" // the gate exists for old policies only and never fires
	ProblemTruncated   = "truncated"    // there are more findings than are listed
)

// Problem is something that kept a rule from being evaluated as written.
type Problem struct {
	Severity string `json:"severity"` // error, warn
	Type     string `json:"problem_type"`
	Details  string `json:"details"`
}

// Undecided tells whether the problem makes a pass mean less than it says.
func (p Problem) Undecided() bool { return p.Type == ProblemNoData || p.Type == ProblemNotJudged }

// Finding is one firing of one rule.
type Finding struct {
	TriggerID      string          `json:"trigger_id"`
	Gate           string          `json:"gate"`
	Trigger        string          `json:"trigger"`
	Message        string          `json:"message"`
	Action         string          `json:"action"` // go, warn, stop
	RuleSetID      string          `json:"policy_id"`
	RuleID         string          `json:"rule_id"`
	Recommendation string          `json:"recommendation"`
	Allowlisted    bool            `json:"allowlisted"`
	AllowlistMatch *AllowlistMatch `json:"allowlist_match"`
	Inherited      *bool           `json:"inherited_from_base,omitempty"` // nil where it was not compared with a base image
}

// Remediation is what can be done about some findings; allowlisted ones need nothing.
type Remediation struct {
	TriggerIDs  []string     `json:"trigger_ids"`
	Suggestions []Suggestion `json:"suggestions"` // each is enough
}

// Suggestion is one thing that can be done.
type Suggestion struct {
	Message   string `json:"message"`
	Preferred bool   `json:"preferred"` // of several, the one that changes least
}

// AllowlistMatch is the allowlist item that set a finding aside.
type AllowlistMatch struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	MatchedRuleID string `json:"matched_rule_id"`
}
