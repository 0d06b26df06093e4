package wire

import "time"

// Kinds of processes that work on images.
const (
	ProcessServer = "server" // it serves the API, too
	ProcessWorker = "worker"
)

// Worker is a process that works on images.
type Worker struct {
	Name     string       `json:"name"` // as images' histories have it
	Kind     string       `json:"kind"`
	Host     string       `json:"host"`
	PID      int          `json:"pid"` // on its host, or in its container
	Version  string       `json:"version"`
	Up       bool         `json:"up"`      // it has shown lately that it lives
	Message  string       `json:"message"` // why it takes no work, or what else should be done about it; "" where all is well
	Started  time.Time    `json:"started_at"`
	LastBeat time.Time    `json:"last_beat"`
	Capacity int          `json:"capacity"`        // images worked on at once
	Database string       `json:"database_digest"` // of the vulnerability database that it matches with; "" where it has none
	Work     []WorkerTask `json:"work"`
}

// WorkerTask is what a worker does for one image.
type WorkerTask struct {
	Account     string `json:"account_name"`
	ImageDigest string `json:"image_digest"`
	Stage       string `json:"stage"` // analyze, assess
	Attempt     int    `json:"attempt"`
	Doing       string `json:"doing"` // what is being done; "" where that is not known yet
}
