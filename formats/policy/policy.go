// Package policy is the policy document: rule sets, allowlists, and which of
// them apply to which images. Its JSON is the API's Policy, version 2.
package policy

import "time"

// Policy is a whole document.
type Policy struct {
	ID                string      `json:"id"`
	Name              string      `json:"name"`
	Version           string      `json:"version"`
	Description       string      `json:"description,omitempty"`
	RuleSets          []RuleSet   `json:"rule_sets"`
	Allowlists        []Allowlist `json:"allowlists,omitempty"`
	Mappings          []Mapping   `json:"mappings"`
	AllowlistedImages []ImageRule `json:"allowlisted_images,omitempty"`
	DenylistedImages  []ImageRule `json:"denylisted_images,omitempty"`
	SourceMappings    []any       `json:"source_mappings,omitempty"` // kept, not used
	LastUpdated       float64     `json:"last_updated,omitempty"`    // epoch seconds; kept, not used
}

// RuleSet is a named list of rules.
type RuleSet struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Version      string `json:"version"`
	Description  string `json:"description,omitempty"`
	ArtifactType string `json:"artifact_type,omitempty"` // image (the default), source
	Rules        []Rule `json:"rules"`
}

// Rule fires an action when its gate's trigger does.
type Rule struct {
	ID             string  `json:"id"`
	Gate           string  `json:"gate"`
	Trigger        string  `json:"trigger"`
	Action         string  `json:"action"` // GO, WARN, STOP
	Params         []Param `json:"params"`
	Description    string  `json:"description,omitempty"`
	Recommendation string  `json:"recommendation,omitempty"`
}

// Param is one parameter of a rule; lists are separated by commas.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Allowlist sets findings aside.
type Allowlist struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	Description string          `json:"description,omitempty"`
	Items       []AllowlistItem `json:"items"`
}

// AllowlistItem matches findings by gate and trigger id.
type AllowlistItem struct {
	ID          string     `json:"id"`
	Gate        string     `json:"gate"`
	TriggerID   string     `json:"trigger_id"` // exact, with * as wildcard, or "regexp:" and an expression
	Description string     `json:"description,omitempty"`
	ExpiresOn   *time.Time `json:"expires_on,omitempty"`
}

// Mapping chooses rule sets and allowlists for the images it matches.
type Mapping struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Description  string   `json:"description,omitempty"`
	RuleSetIDs   []string `json:"rule_set_ids"`
	AllowlistIDs []string `json:"allowlist_ids"`
	Registry     string   `json:"registry"`
	Repository   string   `json:"repository"`
	Image        ImageRef `json:"image"`
}

// ImageRule names images that are always or never allowed.
type ImageRule struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Registry    string   `json:"registry"`
	Repository  string   `json:"repository"`
	Image       ImageRef `json:"image"`
}

// ImageRef is a tag (with * as wildcard), a digest or an image id.
type ImageRef struct {
	Type  string `json:"type"` // tag, digest, id
	Value string `json:"value"`
}
