package wire

import "time"

// States of work in the queue.
const (
	WorkRunning = "running" // a worker is at it
	WorkQueued  = "queued"  // it is in line
	WorkDelayed = "delayed" // it waits for its next attempt
)

// Urgencies of work: what is in bulk waits for the rest, but for a share of its own.
const (
	Interactive = "interactive" // somebody waits for it
	Bulk        = "bulk"
)

// Work is what is to be done for one image.
type Work struct {
	Digest      string     `json:"image_digest"`
	AccountName string     `json:"account_name"`
	Tags        []string   `json:"full_tags"`
	Stage       string     `json:"stage"` // analyze, assess
	State       string     `json:"state"` // running, queued, delayed
	Priority    string     `json:"priority"`
	Position    int        `json:"queue_position,omitempty"` // 1 is next; of what is not running
	Attempts    int        `json:"attempts"`                 // at this stage, that were begun
	MaxAttempts int        `json:"max_attempts"`
	CreatedAt   time.Time  `json:"created_at"`
	NotBefore   *time.Time `json:"not_before"` // of the next attempt; null but where it is delayed
	Worker      string     `json:"worker,omitempty"`
	ClaimedAt   *time.Time `json:"claimed_at"`       // when the worker took it up
	ExpiresAt   *time.Time `json:"lease_expires_at"` // when the worker is given up, if it says nothing
	Progress    string     `json:"progress,omitempty"`
}

// Queue is the answer of GET /system/queue: running work, then what is in line, then
// what is delayed.
type Queue struct {
	Items   []Work `json:"items"`
	Running int    `json:"running"`
	Queued  int    `json:"queued"`
	Delayed int    `json:"delayed"`
	Page    int    `json:"page"`
	Limit   int    `json:"limit"`
}

// QueueFilter chooses work.
type QueueFilter struct {
	State       string // "" is all
	AllAccounts bool   // for users of the admin account
	Page, Limit int    // 0 is the server's choice
}

// ImageQueue is the answer of GET /images/{image_digest}/queue.
type ImageQueue struct {
	Digest       string    `json:"image_digest"`
	Status       string    `json:"analysis_status"`
	StatusReason string    `json:"analysis_status_reason"`
	Work         *Work     `json:"work"` // null where there is none
	Attempts     []Attempt `json:"attempts"`
}

// Attempt is one worker's go at an image, once it has ended.
type Attempt struct {
	Number  int       `json:"attempt"` // of its stage
	Stage   string    `json:"stage"`   // in which it ended; of one that is done, with which it began
	Worker  string    `json:"worker"`
	Begun   time.Time `json:"begun_at"`
	Ended   time.Time `json:"ended_at"`
	Outcome string    `json:"outcome"` // done, failed, lost, given_back, cancelled, superseded
	Reason  string    `json:"reason,omitempty"`
}
