package integration_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/integration"
)

var (
	_ integration.Service = (*importserver.Account)(nil)
	_ integration.Service = (*client.Client)(nil)
)

const adminPassword = "of-the-contract-test"

// side is one of two servers that are alike, and the service through which it
// is used.
type side struct {
	integration.Service
	server *importserver.Server
	start  func() // lets its workers begin
}

// newSides are two servers with nothing in them: one used in process, one over HTTP.
func newSides(t *testing.T) (near, far *side) {
	t.Helper()
	near, far = newSide(t), newSide(t)
	near.Service = near.server.Account(importserver.Admin)
	web := httptest.NewServer(far.server.Handler())
	t.Cleanup(web.Close)
	c, err := client.New(client.Options{
		URL: web.URL, Username: importserver.Admin, Password: adminPassword,
		TempDir: t.TempDir(), StateDir: t.TempDir(), Retry: client.Retry{Call: -1, Import: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	far.Service = c
	return near, far
}

func newSide(t *testing.T) *side {
	t.Helper()
	s, err := importserver.Open(t.Context(), importserver.Options{
		Dir: t.TempDir(), Version: "1.2.3", AdminPassword: adminPassword, Host: "host",
		PollInterval: 10 * time.Millisecond, MaxPart: 256 << 10,
	}, functions())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &side{server: s, start: func() { running.Go(func() { s.Run(ctx) }) }}
}

// functions are an analysis without an engine: what it finds is in the names.
func functions() importserver.Functions {
	return importserver.Functions{
		Resolve: resolve, Analyze: analyze, Match: match, Evaluate: evaluate,
		CheckPolicy: checkPolicy, DefaultPolicy: policyNamed("default"),
		Encode: encode, SBOMFormats: []string{"syft-json", "table"},
		Database: &database{},
	}
}

// resolve knows the images whose names are in this registry.
func resolve(_ context.Context, t importserver.Target) (importserver.Resolved, error) {
	if strings.Contains(t.PullString, "absent") {
		return importserver.Resolved{}, fault.New(fault.NotFound, "look up %s: there is no such image", t.PullString).WithHint("is it spelt right?")
	}
	d := digestOf(t.PullString)
	return importserver.Resolved{Digest: d, ParentDigest: d, ImageID: digestOf(t.PullString + " config")}, nil
}

// analyze brings the evidence of an image, unless the image is broken.
func analyze(ctx context.Context, job importserver.Job, to importserver.Importer) error {
	if strings.Contains(job.PullString, "broken") {
		return fault.New(fault.Unsupported, "read layer 2 of %s: it is not an archive", job.PullString)
	}
	b, err := evidence(job.Digest, job.Tags...)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = to.Import(ctx, b, wire.AddOptions{})
	return err
}

// match finds one vulnerability in each package whose version is 1.
func match(_ context.Context, b *bundle.Bundle) (report.Matches, error) {
	m := report.Matches{Database: (&database{}).Status(context.Background()), Notes: []string{"a note"}}
	p, _ := b.Part(bundle.Packages)
	r, err := p.Open()
	if err != nil {
		return m, err
	}
	defer r.Close()
	_, err = bundle.ReadDocument(r, bundle.Visitor{Package: func(p bundle.Package) error {
		if p.Version == "1" {
			m.Vulnerabilities = append(m.Vulnerabilities, report.Vulnerability{
				ID: "CVE-2026-0001", Namespace: "test", Severity: "High", Description: "a description", FixState: "wont-fix",
				CVSS:    []report.CVSS{{Version: "3.1", Base: 7.5, Exploitability: 3.9, Impact: 3.6}},
				EPSS:    []report.EPSS{{CVE: "CVE-2026-0001", Score: 0.25, Percentile: 0.5}},
				Package: report.Package{ID: p.ID, Name: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL},
			})
		}
		return nil
	}})
	return m, err
}

// evaluate stops whatever has a vulnerability.
func evaluate(_ context.Context, p policy.Policy, _ *bundle.Bundle, m report.Matches, i report.Image, tag string) (report.Evaluation, error) {
	e := report.Evaluation{
		PolicyID: p.ID, PolicyName: p.Name, Tag: tag, Time: time.Now(),
		Status: report.Pass, FinalAction: report.Go, FinalActionReason: "policy_evaluation", PolicyAction: report.Go,
		ImageMapped: true, MappedBy: &p.Mappings[0],
	}
	for _, v := range m.Vulnerabilities {
		e.Status, e.FinalAction, e.PolicyAction = report.Fail, report.Stop, report.Stop
		e.Findings = append(e.Findings, report.Finding{
			TriggerID: v.ID + "+" + v.Package.Name, Gate: "vulnerabilities", Trigger: "package",
			Message: i.Digest + " has it", Action: report.Stop, RuleSetID: "rules", RuleID: "rule",
		})
	}
	return e, nil
}

func checkPolicy(p policy.Policy) error {
	if len(p.Mappings) == 0 {
		return fault.New(fault.Invalid, "policy %s: it maps no image", p.ID).WithHint("add a mapping")
	}
	return nil
}

func policyNamed(id string) policy.Policy {
	return policy.Policy{
		ID: id, Name: "policy " + id, Version: "2",
		RuleSets: []policy.RuleSet{{ID: "rules", Name: "rules", Version: "2", Rules: []policy.Rule{}}},
		Mappings: []policy.Mapping{{
			ID: "all", Name: "all", RuleSetIDs: []string{"rules"}, AllowlistIDs: []string{},
			Registry: "*", Repository: "*", Image: policy.ImageRef{Type: "tag", Value: "*"},
		}},
	}
}

func encode(_ context.Context, format string, syftJSON io.Reader, w io.Writer) error {
	if format == "syft-json" {
		_, err := io.Copy(w, syftJSON)
		return err
	}
	n, err := io.Copy(io.Discard, syftJSON)
	fmt.Fprintf(w, "%d bytes\n", n)
	return err
}

// database is one vulnerability database, or another after an import.
type database struct {
	lock sync.Mutex
	name string
}

func (d *database) Status(context.Context) report.Database {
	d.lock.Lock()
	defer d.lock.Unlock()
	return report.Database{Present: true, SchemaVersion: "v6", Digest: digestOf("database " + d.name), Source: d.name, Records: 7}
}

func (d *database) Import(ctx context.Context, r io.Reader, name, checksum string, accept func(report.Database) error) (report.Database, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return report.Database{}, err
	}
	if sum := digestOf(string(data)); checksum != "" && checksum != sum {
		return report.Database{}, fault.New(fault.Invalid, "import vulnerability database %s: it is %s, not %s", name, sum, checksum).
			WithDetail("bytes", len(data))
	}
	d.lock.Lock()
	d.name = name
	d.lock.Unlock()
	now := d.Status(ctx)
	if accept != nil {
		return now, accept(now)
	}
	return now, nil
}

// Update finds the network away until a database was imported.
func (d *database) Update(ctx context.Context, _ io.Writer, _ bool, _ func(report.Database) error) (report.Database, bool, error) {
	if now := d.Status(ctx); now.Source != "" {
		return now, false, nil
	}
	return report.Database{}, false, fault.New(fault.Unavailable, "fetch vulnerability database: the network is away").WithHint("import one from a file")
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// parts are the evidence of every image here.
var parts = map[bundle.Kind]string{
	bundle.Manifest:    `{"schemaVersion":2,"config":{"digest":"sha256:00","size":2},"layers":[{"size":1000,"digest":"sha256:01"}]}`,
	bundle.ImageConfig: `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:01"]},"history":[{"created_by":"COPY . /"}]}`,
	bundle.Dockerfile:  "FROM scratch\nCOPY . /\n",
	bundle.SecretSearches: `[{"location":{"path":"/k","layerID":"sha256:01"},"content_searches":[
		{"classification":"private-key","line_number":3,"line_offset":0,"seek_position":80,"length":27}]}]`,
	bundle.ContentSearches: `[]`,
	bundle.FileContents:    `[{"location":{"path":"/etc/passwd","layerID":"sha256:01"},"contents":"cm9vdDp4OjA6MDo6LzovCg=="}]`,
	bundle.Packages: `{"artifacts":[
		{"id":"1","name":"openssl","version":"1","type":"deb","locations":[{"path":"/var/lib/dpkg/status","layerID":"sha256:01"}],
		 "licenses":[{"value":"Apache-2.0"}],"language":"","cpes":[{"cpe":"cpe:2.3:a:openssl:openssl:1:*:*:*:*:*:*:*"}],"purl":"pkg:deb/debian/openssl@1"},
		{"id":"2","name":"left-pad","version":"2","type":"npm","locations":[{"path":"/a/package.json"}],"licenses":["MIT"],"language":"javascript","cpes":[],"purl":"pkg:npm/left-pad@2"}],
		"artifactRelationships":[],
		"files":[
		{"id":"3","location":{"path":"/bin/su","layerID":"sha256:01"},"metadata":{"mode":40000755,"type":"RegularFile","userID":0,"groupID":0,"mimeType":"application/x-elf","size":9},
		 "digests":[{"algorithm":"sha256","value":"` + strings.Repeat("ab", 32) + `"}]},
		{"id":"4","location":{"path":"/bin/sh","layerID":"sha256:01"},"metadata":{"mode":777,"type":"SymbolicLink","linkDestination":"dash","userID":1,"groupID":2},"unknowns":["unreadable"]}],
		"source":{"id":"x","name":"x","version":"","type":"image","metadata":{}},
		"distro":{"name":"debian","id":"debian","version":"12","versionID":"12","idLike":["unix"]},
		"descriptor":{"name":"syft","version":"1"},"schema":{"version":"16.1.0","url":""}}`,
}

// evidence is the bundle of an image; the caller closes it.
func evidence(digest string, tags ...string) (*bundle.Bundle, error) {
	b, err := bundle.New("")
	if err != nil {
		return nil, err
	}
	b.Digest, b.ParentDigest, b.ImageID, b.Tags = digest, digest, digestOf("config"), tags
	for _, kind := range bundle.Kinds {
		if data, ok := parts[kind]; ok {
			if err := b.WriteBytes(kind, "application/json", []byte(data)); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}
