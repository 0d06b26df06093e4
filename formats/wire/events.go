package wire

import "time"

// Levels of events.
const (
	LevelInfo  = "info"
	LevelError = "error"
)

// Types of events: the original's names, but for the last ones, which are ours.
const (
	EventImageCompleted    = "user.image.analysis.completed"
	EventImageFailed       = "user.image.analysis.failed"
	EventAnalysisStarted   = "system.image_analysis.started"  // ours
	EventAnalysisRequeued  = "system.image_analysis.requeued" // ours
	EventAnalysisCompleted = "system.image_analysis.completed"
	EventAnalysisFailed    = "system.image_analysis.failed"
	EventLookupFailed      = "system.image_analysis.registry_lookup_failed"
	EventListTagsFailed    = "system.repository.list_tags_fail"
	EventPolicyEvaluation  = "user.checks.tag.policy_evaluation.update"
	EventVulnerabilities   = "user.checks.tag.vulnerabilities.update"
	EventPolicyActive      = "user.policy.active.updated"
	EventPolicyContent     = "user.policy.active.content_change"
	EventFeedsStarted      = "system.feeds.sync.started"
	EventFeedsCompleted    = "system.feeds.sync.completed"
	EventFeedsFailed       = "system.feeds.sync.failed"
	EventServiceOrphaned   = "system.service.state_transition.orphaned"
	EventServiceDown       = "system.service.state_transition.down"
	EventServiceRemoved    = "system.service.removed"
	EventTagUpdated        = "user.image.tag.updated"       // ours
	EventImportUnchanged   = "user.image.import.unchanged"  // ours
	EventRegistryLogin     = "system.registry.login_failed" // ours
)

// Event is something that happened.
type Event struct {
	ID        string      `json:"event_id"`
	CreatedAt time.Time   `json:"created_at"`
	Event     EventRecord `json:"event"`
}

// EventRecord is what is told of an event.
type EventRecord struct {
	Source    EventSource    `json:"source"`
	Resource  EventResource  `json:"resource"`
	Type      string         `json:"type"`
	Category  string         `json:"category"`
	Level     string         `json:"level"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	Timestamp time.Time      `json:"timestamp"`
}

// EventSource is where an event was noticed.
type EventSource struct {
	Service   string `json:"service_name"`
	Host      string `json:"host_id"`
	BaseURL   string `json:"base_url"`
	RequestID string `json:"request_id"`
}

// EventResource is what an event is about.
type EventResource struct {
	Account string `json:"account_name"`
	ID      string `json:"id"`
	Type    string `json:"type"`
}

// Events is one page of events, newest first.
type Events struct {
	Results  []Event `json:"results"`
	NextPage bool    `json:"next_page"`
	Count    int     `json:"item_count"`
	Page     int     `json:"page"`
}

// EventFilter chooses events; what is zero chooses all.
type EventFilter struct {
	Type         string // the beginning of one; "*" stands for any text
	Level        string
	ResourceType string
	ResourceID   string
	Service      string
	Host         string
	Since        time.Time
	Before       time.Time
	Page         int // from 1
	Limit        int // events a page
}

// EventCategory is a group of event types.
type EventCategory struct {
	Name          string             `json:"name"`
	Description   string             `json:"description"`
	Subcategories []EventSubcategory `json:"subcategories"`
}

// EventSubcategory is a group within a category.
type EventSubcategory struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Events      []EventType `json:"events"`
}

// EventType describes a type of events.
type EventType struct {
	Name         string `json:"name"`
	Type         string `json:"type"`
	Message      string `json:"message"`
	ResourceType string `json:"resource_type"`
}

// Types of subscriptions.
const (
	SubscribeTag      = "tag_update"
	SubscribePolicy   = "policy_eval"
	SubscribeVuln     = "vuln_update"
	SubscribeAnalysis = "analysis_update"
	SubscribeRepo     = "repo_update"
	SubscribeRuntime  = "runtime_inventory"
	SubscribeAlerts   = "alerts"
)

// Subscription is what an account wants to be told of.
type Subscription struct {
	Key         string    `json:"subscription_key"`
	Type        string    `json:"subscription_type"`
	Value       *string   `json:"subscription_value"`
	AccountName string    `json:"account_name"`
	Active      bool      `json:"active"`
	ID          string    `json:"subscription_id"`
	CreatedAt   time.Time `json:"created_at"`
	LastUpdated time.Time `json:"last_updated"`
}

// SubscriptionRequest asks for a subscription.
type SubscriptionRequest struct {
	Key    string  `json:"subscription_key"`
	Type   string  `json:"subscription_type"`
	Value  *string `json:"subscription_value,omitempty"`
	Active bool    `json:"active,omitempty"`
}

// SubscriptionUpdate changes a subscription; nil leaves a value as it is.
type SubscriptionUpdate struct {
	Value  *string `json:"subscription_value,omitempty"`
	Active *bool   `json:"active,omitempty"`
}
