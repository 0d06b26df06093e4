package vulndbtest

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/anchore/grype/grype/db/provider"
)

// feed is what one provider contributes, in the shape of a vunnel workspace,
// which is what grype's builder reads.
type feed struct {
	provider string
	schema   string // the schema of its items
	items    map[string]any
}

// The builder tells schemas by the end of their URLs.
const (
	schemas         = "https://raw.githubusercontent.com/anchore/vunnel/main/schema/"
	schemaNVD       = schemas + "vulnerability/nvd/schema-1.0.0.json"
	schemaOS        = schemas + "vulnerability/os/schema-1.1.0.json"
	schemaGitHub    = schemas + "vulnerability/github-security-advisory/schema-1.0.1.json"
	schemaEPSS      = schemas + "vulnerability/epss/schema-1.0.0.json"
	schemaExploited = schemas + "vulnerability/known-exploited/schema-1.0.0.json"
	schemaWorkspace = schemas + "provider-workspace-state/schema-1.0.3.json"
)

func (f feed) write(root string, built time.Time) (*provider.State, error) {
	w := provider.NewWorkspaceWriter(root, f.provider)
	var files []provider.File
	for id, item := range f.items {
		data, err := json.Marshal(map[string]any{"schema": f.schema, "identifier": id, "item": item})
		if err != nil {
			return nil, err
		}
		file, err := w.WriteResult(filepath.FromSlash(id)+".json", data)
		if err != nil {
			return nil, err
		}
		files = append(files, *file)
	}
	if err := w.WriteListing(files); err != nil {
		return nil, err
	}
	digest, err := provider.HashFileXXH64(w.ListingPath())
	if err != nil {
		return nil, err
	}
	err = w.WriteState(provider.State{
		Provider: f.provider, Version: 1, Processor: "vulndbtest", Timestamp: built, Store: "flat-file",
		Schema:  provider.Schema{Version: "1.0.3", URL: schemaWorkspace},
		Listing: &provider.File{Path: "results/listing.xxh64", Digest: digest, Algorithm: "xxh64"},
	})
	if err != nil {
		return nil, err
	}
	return provider.NewWorkspace(root, f.provider).ReadState()
}
