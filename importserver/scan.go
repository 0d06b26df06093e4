package importserver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// scanRequest is the body of POST /scan: a syft document, and what was searched.
type scanRequest struct {
	SBOM     json.RawMessage `json:"sbom"`
	Secrets  *envelope       `json:"secret_scan"`
	Contents *envelope       `json:"content_search"`
	Files    *envelope       `json:"retrieved_files"`
}

// envelope is what an analyser found, and which analyser.
type envelope struct {
	MediaType string          `json:"media_type"`
	Findings  json.RawMessage `json:"findings"`
}

// maxScan bounds the body of a scan, which is in memory while it is read.
const maxScan = 256 << 20

const envelopeType = "application/anchore.enterprise.local-analyze."

// parts are the extras of a scan, and the media types they come under.
func (r scanRequest) parts() map[bundle.Kind]struct {
	given *envelope
	kind  string
} {
	return map[bundle.Kind]struct {
		given *envelope
		kind  string
	}{
		bundle.SecretSearches:  {r.Secrets, envelopeType + "secret-search.v1+json"},
		bundle.ContentSearches: {r.Contents, envelopeType + "content-search.v1+json"},
		bundle.FileContents:    {r.Files, envelopeType + "file-contents.v1+json"},
	}
}

// scanned is an SBOM's bundle, which is removed by closing it.
func (s *Server) scanned(r scanRequest) (*bundle.Bundle, error) {
	b, err := bundle.New(filepath.Join(s.options.Dir, "tmp"))
	if err != nil {
		return nil, err
	}
	if err := fill(b, r); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func fill(b *bundle.Bundle, r scanRequest) error {
	if len(r.SBOM) == 0 || string(r.SBOM) == "null" {
		return fault.New(fault.Invalid, "scan: there is no SBOM").WithHint(scanBodies)
	}
	if err := b.WriteBytes(bundle.Packages, "application/json", r.SBOM); err != nil {
		return err
	}
	for kind, p := range r.parts() {
		if p.given == nil {
			continue
		}
		if p.given.MediaType != p.kind {
			return fault.New(fault.Invalid, "scan: %s come as %s, not as %.100q", kind, p.kind, p.given.MediaType)
		}
		if err := b.WriteBytes(kind, "application/json", p.given.Findings); err != nil {
			return err
		}
	}
	_, _, err := readEvidence(b)
	if fault.Of(err) == fault.Invalid {
		err = fault.New(fault.Invalid, "scan: %w", err).WithHint(scanBodies)
	}
	return err
}

// scanBodies says which body is wanted where, for clients confuse them.
const scanBodies = `POST /v2/scan takes {"sbom": DOCUMENT}, and POST /v2/vulnerability-scan the DOCUMENT itself; a DOCUMENT is what syft -o json writes`

// scan matches an SBOM and, where a tag is given, judges it by a policy. Nothing
// of it is kept.
func (a *Account) scan(ctx context.Context, r scanRequest, tag, policyID string) (report.Matches, *wire.Check, error) {
	b, err := a.server.scanned(r)
	if err != nil {
		return report.Matches{}, nil, err
	}
	defer b.Close()
	m, err := a.server.functions.Match(ctx, b)
	if err != nil || tag == "" {
		return m, nil, err
	}
	name, err := reference.Parse(tag)
	if err == nil && name.Tag == "" {
		err = fault.New(fault.Invalid, "scan: %.200q is not a tag", tag)
	}
	if err != nil {
		return m, nil, err
	}
	p, err := a.policyFor(ctx, policyID)
	if err != nil {
		return m, nil, err
	}
	e, err := a.server.functions.Evaluate(ctx, p.Policy, b, m, report.Image{Tag: name.FullTag()}, name.FullTag())
	if err != nil {
		return m, nil, err
	}
	return m, &wire.Check{PolicyID: p.Policy.ID, Tag: name.FullTag(),
		Evaluations: []wire.Evaluation{wire.EvaluationOf(e, p.Policy, m.Database, true)}}, nil
}

// readScan reads a scan's body, which is at first in a file: what is slow to
// arrive takes no memory, and what has arrived takes some when there is a place for
// the work. leave gives that back.
func (a *Account) readScan(r *http.Request) (data []byte, leave func(), err error) {
	limit := min(a.server.options.MaxPart, maxScan)
	body, err := unpacked(r, limit)
	if err != nil {
		return nil, nil, err
	}
	defer body.Close()
	f, err := os.CreateTemp(filepath.Join(a.server.options.Dir, "tmp"), "scan-")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, io.LimitReader(body, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if n > limit {
		return nil, nil, fault.New(fault.TooLarge, "too large: the SBOM has more than %d bytes", limit)
	}
	if leave, err = a.place(r.Context()); err != nil {
		return nil, nil, err
	}
	if data, err = os.ReadFile(f.Name()); err == nil {
		err = sound(data)
	}
	if err != nil {
		leave()
	}
	return data, leave, err
}

// sound refuses a scan's body that means one thing to one reader and another to the next.
func sound(data []byte) error {
	if err := openapi.Sound(data); err != nil {
		return fault.New(fault.Invalid, "scan: the request's body is not the JSON it should be: %s", err)
	}
	return nil
}

func vulnerabilitiesOfScan(m report.Matches, describe bool) map[string]any {
	return map[string]any{"sbom_id": newUUID(), "extended_support": false, "vulnerabilities": wire.VulnerabilitiesOf("", m, wire.VulnerabilityFilter{Descriptions: describe}).Items}
}

func postScan(a *Account, w http.ResponseWriter, r *http.Request) error {
	data, leave, err := a.readScan(r)
	if err != nil {
		return err
	}
	return a.server.answerMade(w, "application/json", leave, jsonOf(func() (map[string]any, error) {
		var body scanRequest
		if err := json.Unmarshal(data, &body); err != nil {
			return nil, fault.New(fault.Invalid, "scan: %s", jsonError(err))
		}
		m, check, err := a.scan(r.Context(), body, r.URL.Query().Get("tag"), r.URL.Query().Get("policy_id"))
		return map[string]any{"vuln_scan": vulnerabilitiesOfScan(m, false), "policy_scan": check}, err
	}))
}

func postVulnerabilityScan(a *Account, w http.ResponseWriter, r *http.Request) error {
	describe := flag(r.URL.Query(), "include_vuln_description", false)
	data, leave, err := a.readScan(r)
	if err != nil {
		return err
	}
	return a.server.answerMade(w, "application/json", leave, jsonOf(func() (map[string]any, error) {
		m, _, err := a.scan(r.Context(), scanRequest{SBOM: data}, "", "")
		return vulnerabilitiesOfScan(m, describe), err
	}))
}
