package wire

// Readiness is whether a server can do what it is for.
type Readiness struct {
	Ready  bool             `json:"ready"` // all that is required is well
	Checks []ReadinessCheck `json:"checks"`
}

// ReadinessCheck is one thing that was looked at.
type ReadinessCheck struct {
	Name     string  `json:"name"` // store, blobs, database, workers
	OK       bool    `json:"ok"`
	Required bool    `json:"required"` // without it the server is not ready
	Reason   string  `json:"reason"`   // why it is not well; ""
	Seconds  float64 `json:"seconds"`  // that looking took
}
