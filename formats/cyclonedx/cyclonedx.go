// Package cyclonedx writes what was matched to an image as CycloneDX documents: a
// list of vulnerabilities with the packages that have them.
package cyclonedx

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/tidepole/tidepole/formats/report"
)

// Formats of a document.
const (
	JSON = cdx.BOMFileFormatJSON
	XML  = cdx.BOMFileFormatXML
)

// Write writes the vulnerabilities of an image. The same matches give the same
// bytes. With verdicts, each says how far it concerns the image (VEX).
func Write(w io.Writer, format cdx.BOMFileFormat, s report.Subject, found []report.Vulnerability, verdicts bool) error {
	b := cdx.NewBOM()
	b.Metadata = &cdx.Metadata{
		Component: &cdx.Component{
			BOMRef: s.Image.Digest, Type: cdx.ComponentTypeContainer, Name: name(s), Version: s.Image.Digest, PackageURL: s.PURL(),
		},
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "tidepole", Version: s.Tool}}},
	}
	if !s.At.IsZero() {
		b.Metadata.Timestamp = s.At.UTC().Format(time.RFC3339)
	}
	b.Components, b.Vulnerabilities = &[]cdx.Component{}, &[]cdx.Vulnerability{}
	hash, known, places := sha256.New(), map[string]bool{}, map[string]int{}
	fmt.Fprintln(hash, s.Image.Digest, s.At.UnixMicro(), verdicts)
	for _, v := range found {
		ref := refOf(v.Package)
		fmt.Fprintln(hash, v.ID, v.Namespace, ref)
		if !known[ref] {
			known[ref] = true
			*b.Components = append(*b.Components, cdx.Component{
				BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: v.Package.Name, Version: v.Package.Version, PackageURL: v.Package.PURL,
			})
		}
		key := v.Namespace + "\x00" + v.ID + "\x00" + v.Remedy()
		at, there := places[key]
		if !there {
			at = len(*b.Vulnerabilities)
			places[key] = at
			*b.Vulnerabilities = append(*b.Vulnerabilities, vulnerability(v, verdicts))
		}
		affects := (*b.Vulnerabilities)[at].Affects
		*affects = append(*affects, cdx.Affects{Ref: ref})
	}
	sum := hash.Sum(nil)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8 of RFC 9562: of a digest of one's own
	b.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return cdx.NewBOMEncoder(w, format).SetPretty(true).Encode(b)
}

func name(s report.Subject) string {
	if n := s.Name(); n != "" {
		return n
	}
	return s.Image.Digest
}

func refOf(p report.Package) string {
	if p.ID != "" {
		return "package-" + p.ID
	}
	return p.Type + "/" + p.Name + "@" + p.Version
}

func vulnerability(v report.Vulnerability, verdict bool) cdx.Vulnerability {
	out := cdx.Vulnerability{
		ID: v.ID, Description: v.Description, Recommendation: v.Remedy(), Affects: &[]cdx.Affects{},
		Source: &cdx.Source{Name: v.Namespace, URL: v.DataSource},
	}
	if !v.Published.IsZero() {
		out.Published = v.Published.UTC().Format(time.RFC3339)
	}
	ratings := []cdx.VulnerabilityRating{}
	for _, c := range v.CVSS {
		score := c.Base
		ratings = append(ratings, cdx.VulnerabilityRating{Source: &cdx.Source{Name: c.Source}, Score: &score, Method: method(c.Version), Vector: c.Vector})
	}
	ratings = append(ratings, cdx.VulnerabilityRating{Source: out.Source, Severity: severity(v.Severity)})
	out.Ratings = &ratings
	if numbers := cwes(v.CWEs); len(numbers) > 0 {
		out.CWEs = &numbers
	}
	if refs := related(v); len(refs) > 0 {
		out.References = &refs
	}
	if verdict {
		out.Analysis = &cdx.VulnerabilityAnalysis{State: cdx.IASExploitable, Detail: v.Remedy()}
		switch {
		case len(v.FixVersions) > 0:
			out.Analysis.Response = &[]cdx.ImpactAnalysisResponse{cdx.IARUpdate}
		case v.FixState == "wont-fix":
			out.Analysis.Response = &[]cdx.ImpactAnalysisResponse{cdx.IARWillNotFix}
		}
	}
	return out
}

func method(version string) cdx.ScoringMethod {
	switch {
	case strings.HasPrefix(version, "2"):
		return cdx.ScoringMethodCVSSv2
	case version == "3.1":
		return cdx.ScoringMethodCVSSv31
	case strings.HasPrefix(version, "3"):
		return cdx.ScoringMethodCVSSv3
	case strings.HasPrefix(version, "4"):
		return cdx.ScoringMethodCVSSv4
	}
	return cdx.ScoringMethodOther
}

// severity is CycloneDX's word; it has none for negligible.
func severity(s string) cdx.Severity {
	switch s {
	case "Critical", "High", "Medium", "Low":
		return cdx.Severity(strings.ToLower(s))
	case "Negligible":
		return cdx.SeverityInfo
	}
	return cdx.SeverityUnknown
}

// cwes are the numbers of texts like "CWE-79".
func cwes(list []string) []int {
	var numbers []int
	for _, c := range list {
		if n, err := strconv.Atoi(strings.TrimPrefix(c, "CWE-")); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func related(v report.Vulnerability) []cdx.VulnerabilityReference {
	var list []cdx.VulnerabilityReference
	for _, r := range v.Related {
		if r.ID != v.ID {
			list = append(list, cdx.VulnerabilityReference{ID: r.ID, Source: &cdx.Source{Name: r.Namespace, URL: r.DataSource}})
		}
	}
	return list
}
