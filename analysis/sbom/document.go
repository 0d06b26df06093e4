package sbom

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
)

// Document is a syft document in the making.
type Document struct {
	sbom *sbom.SBOM
}

// Tool is who made a document, and how.
type Tool struct {
	Name          string
	Version       string
	Configuration any // encoded as JSON: what was done, and within which limits
}

// AddGap records that something of a file could not be read, and why. Gaps are
// syft's "unknowns".
func (d *Document) AddGap(path, layer, reason string) {
	if d.sbom.Artifacts.Unknowns == nil {
		d.sbom.Artifacts.Unknowns = map[file.Coordinates][]string{}
	}
	c := coordinates(path, layer)
	if !slices.Contains(d.sbom.Artifacts.Unknowns[c], reason) {
		d.sbom.Artifacts.Unknowns[c] = append(d.sbom.Artifacts.Unknowns[c], reason)
	}
}

// Catalogers are the names of syft's catalogers that ran, sorted.
func (d *Document) Catalogers() []string {
	var trail struct {
		Catalogers struct {
			Used []string `json:"used"`
		} `json:"catalogers"`
	}
	data, err := json.Marshal(d.sbom.Descriptor.Configuration)
	if err != nil || json.Unmarshal(data, &trail) != nil {
		return nil
	}
	return trail.Catalogers.Used
}

// Write writes the document as syft JSON. The same image and tool give the same
// bytes.
func (d *Document) Write(w io.Writer, tool Tool) error {
	s := *d.sbom
	s.Descriptor = sbom.Descriptor{Name: tool.Name, Version: tool.Version, Configuration: tool.Configuration}
	for _, reasons := range s.Artifacts.Unknowns {
		slices.Sort(reasons)
	}
	if err := syftjson.NewFormatEncoder().Encode(w, s); err != nil {
		return fmt.Errorf("write syft document: %w", err)
	}
	return nil
}
