package wire

// ContentSummary is the answer of GET /images/{digest}/content-summary.
type ContentSummary struct {
	Items []ContentCount `json:"items"`
}

// ContentCount is how much of one content type an image has.
type ContentCount struct {
	ContentType string `json:"content_type"`
	DisplayName string `json:"display_name"`
	Count       int    `json:"count"`
}

// MalwareScan is what one scanner found, in the answer of GET
// /images/{digest}/content/malware.
type MalwareScan struct {
	Scanner  string           `json:"scanner"`
	Enabled  bool             `json:"enabled"`
	Metadata map[string]any   `json:"metadata"`
	Findings []MalwareFinding `json:"findings"`
}

// MalwareFinding is a file that a scanner knows.
type MalwareFinding struct {
	Path      string `json:"path"`
	Signature string `json:"signature"`
}
