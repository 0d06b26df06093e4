package analysis

import "github.com/tidepole/tidepole/analysis/secrets"

// configuration stands in the syft document's descriptor: what was done, and
// within which limits, so that a reader knows "not searched" from "none found".
type configuration struct {
	Catalogers      []string         `json:"catalogers"` // syft's, that ran
	Files           filesConfig      `json:"files"`
	SecretSearches  *searchConfig    `json:"secret_searches,omitempty"`  // absent: not searched
	ContentSearches *searchConfig    `json:"content_searches,omitempty"` // absent: not searched
	FileContents    *retrievalConfig `json:"file_contents,omitempty"`    // absent: none asked for
}

type filesConfig struct {
	Selection string   `json:"selection"`
	Digests   []string `json:"digests"`
}

type searchConfig struct {
	Scope       string `json:"scope"`         // all-layers, squashed
	Fingerprint string `json:"fingerprint"`   // of rules, patterns and limits
	MaxFileSize int64  `json:"max_file_size"` // bytes; larger files were not searched
}

type retrievalConfig struct {
	Globs        []string `json:"globs"`
	MaxFileSize  int64    `json:"max_file_size"`
	MaxTotalSize int64    `json:"max_total_size"`
}

func (e *evidence) configuration() configuration {
	c := configuration{
		Catalogers:      e.catalogue.Catalogers(),
		Files:           filesConfig{Selection: "all", Digests: []string{"sha256"}},
		SecretSearches:  searched("all-layers", e.o.Secrets),
		ContentSearches: searched("squashed", e.o.Content),
	}
	if len(e.o.Retrieve) > 0 {
		c.FileContents = &retrievalConfig{e.o.Retrieve, e.o.RetrieveMaxSize, MaxRetrieved}
	}
	return c
}

func searched(scope string, m *secrets.Matcher) *searchConfig {
	if m == nil {
		return nil
	}
	return &searchConfig{Scope: scope, Fingerprint: m.Fingerprint(), MaxFileSize: m.MaxFileSize()}
}
