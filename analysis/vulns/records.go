package vulns

import (
	"fmt"

	"github.com/anchore/grype/grype/vulnerability"
	lru "github.com/hashicorp/golang-lru/v2"
)

// maxRecords bounds the records that a generation remembers: some 2 KiB each.
const maxRecords = 8 << 10

// records are those that matches name but do not bring along, used last, by id and
// namespace; nil where the database has none. Nothing in them is changed any more.
type records = lru.Cache[[2]string, *vulnerability.Metadata]

func newRecords(most int) *records {
	r, _ := lru.New[[2]string, *vulnerability.Metadata](most)
	return r
}

// lookUp reads a record, once while it is remembered.
func (g *generation) lookUp(ref vulnerability.Reference) (*vulnerability.Metadata, error) {
	key := [2]string{ref.ID, ref.Namespace}
	if meta, ok := g.records.Get(key); ok {
		return meta, nil
	}
	meta, err := g.provider.VulnerabilityMetadata(ref) //nolint:staticcheck // the only way to a related record
	if err != nil {
		return nil, fmt.Errorf("look up %s in %s: %w", ref.ID, ref.Namespace, err)
	}
	g.records.Add(key, meta)
	return meta, nil
}
