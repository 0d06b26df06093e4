// Package flows_test has a server asked as the clients that exist already ask it:
// each file is one client, written down request by request.
package flows_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

const password = "of-the-flows"

// site is a server at work, reached over HTTP only.
type site struct {
	t    *testing.T
	url  string
	gate chan struct{} // closed: the server may analyse what it is told to pull
	pass string
}

// newSite serves with nothing in it. What it is told to pull it analyses once the
// gate is open.
func newSite(t *testing.T) *site {
	t.Helper()
	gate := make(chan struct{})
	s, err := importserver.Open(t.Context(), importserver.Options{
		Dir: t.TempDir(), Version: "1.2.3", AdminPassword: password, Host: "host", PollInterval: 10 * time.Millisecond,
	}, functions(gate))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		web.Close()
		stop()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{t: t, url: web.URL, gate: gate, pass: password}
}

// answer is what a client was given.
type answer struct {
	t      *testing.T
	what   string
	code   int
	header http.Header
	body   string
}

// ask sends a request as it is given: no header is added but the password.
func (s *site) ask(method, path, contentType, body string) answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, s.url+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.SetBasicAuth("admin", s.pass)
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, method + " " + path, resp.StatusCode, resp.Header, string(data)}
}

// get is ask for what needs no body.
func (s *site) get(path string) answer { s.t.Helper(); return s.ask("GET", path, "", "") }

// ok reads the JSON of a success.
func (a answer) ok(into any) {
	a.t.Helper()
	if a.code != http.StatusOK {
		a.t.Fatalf("%s: %d %s", a.what, a.code, a.body)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
		}
	}
}

// refused reads the message of a refusal, in either version's form.
func (a answer) refused(code int) string {
	a.t.Helper()
	var e struct{ Message string }
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.code != code {
		a.t.Fatalf("%s: %d %s, not %d", a.what, a.code, a.body, code)
	}
	return e.Message
}

// until asks again until it is so.
func (s *site) until(path string, so func(answer) bool) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(s.get(path)); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: it never comes", path)
		}
	}
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// functions are an analysis without an engine. There are no images but those of
// the registry "registry.example".
func functions(gate <-chan struct{}) importserver.Functions {
	return importserver.Functions{
		Resolve: func(_ context.Context, t importserver.Target) (importserver.Resolved, error) {
			if !strings.HasPrefix(t.PullString, "registry.example/") {
				return importserver.Resolved{}, fault.New(fault.NotFound, "look up %s: there is no such image", t.PullString)
			}
			d := digestOf(t.PullString)
			return importserver.Resolved{Digest: d, ParentDigest: d, ImageID: digestOf(d)}, nil
		},
		Analyze: func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
			b, err := evidence(job)
			if err != nil {
				return err
			}
			defer b.Close()
			_, err = to.Import(ctx, b, wire.AddOptions{})
			return err
		},
		Match: match, Evaluate: evaluate, CheckPolicy: func(policy.Policy) error { return nil },
		DefaultPolicy: policy.Policy{
			ID: "default", Name: "default", Version: "2",
			RuleSets: []policy.RuleSet{{ID: "rules", Name: "rules", Version: "2", Rules: []policy.Rule{
				{ID: "rule", Gate: "vulnerabilities", Trigger: "package", Action: "STOP", Params: []policy.Param{}},
			}}},
			Mappings: []policy.Mapping{{
				ID: "all", Name: "all", RuleSetIDs: []string{"rules"}, AllowlistIDs: []string{},
				Registry: "*", Repository: "*", Image: policy.ImageRef{Type: "tag", Value: "*"},
			}},
		},
		Encode:   func(_ context.Context, _ string, r io.Reader, w io.Writer) error { _, err := io.Copy(w, r); return err },
		Database: database{},
	}
}

// evidence is what is found in an image that the server pulls: all have the first
// layer, and all but the base image a second one.
func evidence(job importserver.Job) (*bundle.Bundle, error) {
	b, err := bundle.New("")
	if err != nil {
		return nil, err
	}
	layers := `"` + digestOf("layer 1") + `"`
	if !strings.Contains(strings.Join(job.Tags, " "), "/base:") {
		layers += `,"` + digestOf("layer 2") + `"`
	}
	b.Digest, b.ParentDigest, b.ImageID, b.Tags = job.Digest, job.Digest, digestOf(job.Digest), job.Tags
	parts := map[bundle.Kind]string{
		bundle.Packages: sbom, bundle.Manifest: `{"schemaVersion":2,"layers":[{"digest":"` + digestOf("packed") + `","size":1000}]}`,
		bundle.ImageConfig: `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[` + layers + `]},"history":[{"created_by":"COPY . /"}]}`,
	}
	if len(job.Dockerfile) > 0 {
		parts[bundle.Dockerfile] = string(job.Dockerfile)
	}
	for kind, text := range parts {
		if err := b.WriteBytes(kind, "application/json", []byte(text)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// match finds one vulnerability in each package whose version is 1.
func match(_ context.Context, b *bundle.Bundle) (report.Matches, error) {
	m := report.Matches{Database: database{}.Status(context.Background())}
	part, _ := b.Part(bundle.Packages)
	r, err := part.Open()
	if err != nil {
		return m, err
	}
	defer r.Close()
	_, err = bundle.ReadDocument(r, bundle.Visitor{Package: func(p bundle.Package) error {
		if p.Version == "1" {
			m.Vulnerabilities = append(m.Vulnerabilities, report.Vulnerability{
				ID: "CVE-2026-0001", Namespace: "debian:distro:debian:12", Severity: "High", FixState: "fixed", FixVersions: []string{"2"},
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
		PolicyID: p.ID, PolicyName: p.Name, Tag: tag, Time: time.Now(), Status: report.Pass, FinalAction: report.Go,
		FinalActionReason: "policy_evaluation", PolicyAction: report.Go, ImageMapped: true, MappedBy: &p.Mappings[0],
	}
	for _, v := range m.Vulnerabilities {
		e.Status, e.FinalAction, e.PolicyAction = report.Fail, report.Stop, report.Stop
		e.Findings = append(e.Findings, report.Finding{
			TriggerID: v.ID + "+" + v.Package.Name, Gate: "vulnerabilities", Trigger: "package", Message: i.Digest + " has it",
			Action: report.Stop, RuleSetID: "rules", RuleID: "rule",
		})
	}
	return e, nil
}

// database is a vulnerability database that is there and stays as it is.
type database struct{}

func (database) Status(context.Context) report.Database {
	return report.Database{Present: true, SchemaVersion: "v6", Digest: digestOf("database"), Records: 1}
}

func (d database) Import(ctx context.Context, _ io.Reader, _, _ string, accept func(report.Database) error) (report.Database, error) {
	now := d.Status(ctx)
	if accept != nil {
		return now, accept(now)
	}
	return now, nil
}

func (d database) Update(ctx context.Context, _ io.Writer, _ bool, _ func(report.Database) error) (report.Database, bool, error) {
	return d.Status(ctx), false, nil
}

// sbom is the document of the images that the server pulls.
const sbom = `{"artifacts":[
 {"id":"1","name":"openssl","version":"1","type":"deb","locations":[{"path":"/var/lib/dpkg/status"}],"licenses":[{"value":"Apache-2.0"}],
  "language":"","cpes":[{"cpe":"cpe:2.3:a:openssl:openssl:1:*:*:*:*:*:*:*"}],"purl":"pkg:deb/debian/openssl@1","metadataType":"dpkg-db-entry","metadata":{"source":"openssl"}}],
 "artifactRelationships":[],"files":[{"id":"2","location":{"path":"/bin/su"},"metadata":{"mode":40000755,"type":"RegularFile","userID":0,"groupID":0,"size":9},"digests":[]}],
 "source":{"id":"x","name":"x","version":"","type":"image","metadata":{}},"distro":{"name":"debian","id":"debian","version":"12","versionID":"12"},
 "descriptor":{"name":"syft","version":"1"},"schema":{"version":"16.1.0","url":""}}`
