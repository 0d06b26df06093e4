package importserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/openapi"
)

const password = "the-password-of-the-tests"

// image is what the tests' images are made of.
type image struct {
	digest, document string
	tags             []string
}

func digestOf(n int) string { return fmt.Sprintf("sha256:%064x", n) }

const document = `{
 "artifacts": [
  {"id":"a1","name":"openssl","version":"3.0.1-1","type":"deb","locations":[{"path":"/var/lib/dpkg/status"}],
   "licenses":["Apache-2.0"],"cpes":["cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"],"purl":"pkg:deb/debian/openssl@3.0.1-1",
   "metadataType":"dpkg-db-entry","metadata":{"source":"openssl","maintainer":"Debian","installedSize":2}},
  {"id":"a2","name":"left-pad","version":"1.0.0","type":"npm","locations":[{"path":"/app/package.json"}],
   "licenses":[],"cpes":[],"purl":"pkg:npm/left-pad@1.0.0","metadata":null}
 ],
 "files": [
  {"id":"f1","location":{"path":"/bin/su","layerID":"sha256:aa"},
   "metadata":{"mode":40000755,"type":"RegularFile","userID":0,"groupID":0,"mimeType":"application/x-elf","size":123},
   "digests":[{"algorithm":"sha256","value":"ab"}]},
  {"id":"f2","location":{"path":"/bin/sh","layerID":"sha256:aa"},
   "metadata":{"mode":777,"type":"SymbolicLink","linkDestination":"dash","userID":0,"groupID":0,"size":4},"unknowns":["cannot be read"]}
 ],
 "artifactRelationships": [],
 "source": {"id":"s","name":"x","version":"1","type":"image","metadata":{}},
 "distro": {"id":"debian","versionID":"12"},
 "descriptor": {"name":"syft","version":"1"}, "schema": {"version":"16"}
}`

func newBundle(t *testing.T, i image) *bundle.Bundle {
	t.Helper()
	b, err := makeBundle(t.TempDir(), i)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// makeBundle is newBundle for other goroutines than the test's.
func makeBundle(dir string, i image) (*bundle.Bundle, error) {
	b, err := bundle.New(dir)
	if err != nil {
		return nil, err
	}
	b.Digest, b.ParentDigest, b.ImageID, b.Tags = i.digest, i.digest, digestOf(1<<20), i.tags
	if i.document == "" {
		i.document = document
	}
	for kind, text := range map[bundle.Kind]string{
		bundle.Packages:       i.document,
		bundle.Manifest:       `{"schemaVersion":2,"layers":[{"digest":"` + digestOf(77) + `","size":1000,"mediaType":"x"}]}`,
		bundle.ImageConfig:    `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["` + digestOf(78) + `"]},"history":[{"created_by":"CMD sh"}]}`,
		bundle.Dockerfile:     "FROM scratch\n",
		bundle.SecretSearches: `[{"location":{"path":"/etc/key","layerID":"sha256:aa"},"content_searches":[{"classification":"pem-private-key","line_number":3,"line_offset":1,"seek_position":40,"length":9}]}]`,
		bundle.FileContents:   `[{"location":{"path":"/etc/passwd"},"contents":"cm9vdA=="}]`,
	} {
		if err := b.WriteBytes(kind, "application/json", []byte(text)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// database is a vulnerability database that tests put in place.
type database struct {
	lock   sync.Mutex
	now    report.Database
	refuse error // what importing fails with

	onUpdate   func()       // waits while a newer one is fetched
	onAccepted func() error // what goes wrong before one that was accepted is in use
}

func (d *database) Status(context.Context) report.Database {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.now
}

func (d *database) Import(_ context.Context, r io.Reader, name, _ string, accept func(report.Database) error) (report.Database, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return report.Database{}, err
	}
	if len(data) == 0 {
		return report.Database{}, fault.New(fault.Invalid, "import vulnerability database: it is empty")
	}
	next := report.Database{Present: true, Digest: "sha256:" + string(data), Source: name}
	if err := d.accepted(next, accept); err != nil {
		return report.Database{}, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.refuse != nil {
		return report.Database{}, d.refuse
	}
	d.now = next
	return d.now, nil
}

func (d *database) accepted(next report.Database, accept func(report.Database) error) error {
	if accept == nil {
		return nil
	}
	if err := accept(next); err != nil || d.onAccepted == nil {
		return err
	}
	return d.onAccepted()
}

func (d *database) Update(ctx context.Context, archive io.Writer, again bool, accept func(report.Database) error) (report.Database, bool, error) {
	if d.onUpdate != nil {
		d.onUpdate()
	}
	now := d.Status(ctx)
	if !now.Present || !again || archive == nil {
		return now, false, nil
	}
	_, err := io.WriteString(archive, strings.TrimPrefix(now.Digest, "sha256:"))
	if err == nil {
		err = d.accepted(now, accept)
	}
	return now, true, err
}

// engine stands for the analysis: it reads real bundles, and does what a test
// has it do.
type engine struct {
	database
	analyze func(ctx context.Context, job importserver.Job, to importserver.Importer) error
	onMatch func(ctx context.Context) error
	lookup  func(ctx context.Context, names []string) ([]report.Vulnerability, error) // may be nil
	resolve func(importserver.Target) (importserver.Resolved, error)
	// resolving is called before resolve, with the request's context; it may be nil.
	resolving func(context.Context) error
	encode    func(io.Writer) error // an SBOM; it may be nil
	ping      func(registry string, l *importserver.Login) error
	tags      func(repository string, l *importserver.Login) ([]string, error)
	matched   atomic.Int32
	analyses  atomic.Int32
}

func (e *engine) functions() importserver.Functions {
	return importserver.Functions{
		Resolve: func(ctx context.Context, t importserver.Target) (importserver.Resolved, error) {
			if e.resolving != nil {
				if err := e.resolving(ctx); err != nil {
					return importserver.Resolved{}, err
				}
			}
			return e.resolve(t)
		},
		Analyze: func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
			e.analyses.Add(1)
			return e.analyze(ctx, job, to)
		},
		Match: e.match, Lookup: e.lookup, Evaluate: evaluate,
		CheckPolicy: func(p policy.Policy) error {
			if len(p.RuleSets) == 0 {
				return fault.New(fault.Invalid, "policy %s has no rule sets", p.ID)
			}
			return nil
		},
		DefaultPolicy: testPolicy("default"),
		Encode: func(_ context.Context, format string, r io.Reader, w io.Writer) error {
			if e.encode != nil {
				return e.encode(w)
			}
			n, err := io.Copy(io.Discard, r)
			fmt.Fprintf(w, `{"text":"%s of %d bytes"}`, format, n)
			return err
		},
		SBOMFormats: []string{"spdx-json", "table"},
		Ping:        func(_ context.Context, registry string, l *importserver.Login) error { return e.ping(registry, l) },
		Tags: func(_ context.Context, repository string, l *importserver.Login) ([]string, error) {
			return e.tags(repository, l)
		},
		Database: &e.database,
	}
}

func testPolicy(id string) policy.Policy {
	return policy.Policy{ID: id, Name: id, Version: "2", RuleSets: []policy.RuleSet{{ID: "r"}}, Mappings: []policy.Mapping{{ID: "m", Image: policy.ImageRef{Type: "tag", Value: "*"}}}}
}

// match finds one vulnerability in every openssl, if there is a database.
func (e *engine) match(ctx context.Context, b *bundle.Bundle) (report.Matches, error) {
	e.matched.Add(1)
	m := report.Matches{Database: e.Status(ctx)}
	if e.onMatch != nil {
		if err := e.onMatch(ctx); err != nil {
			return report.Matches{}, err
		}
	}
	if !m.Database.Present {
		return m, nil
	}
	part, _ := b.Part(bundle.Packages)
	r, err := part.Open()
	if err != nil {
		return m, err
	}
	defer r.Close()
	_, err = bundle.ReadDocument(r, bundle.Visitor{Package: func(p bundle.Package) error {
		if p.Name == "openssl" {
			m.Vulnerabilities = append(m.Vulnerabilities, report.Vulnerability{
				ID: "CVE-1 by " + m.Database.Digest, Namespace: "debian:distro:debian:12", Severity: "High", FixState: "fixed",
				FixVersions: []string{"3.0.2-1"}, Risk: 7.5, Evidence: []report.Evidence{{Type: "exact", Matcher: "dpkg"}},
				Package: report.Package{ID: p.ID, Name: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL, Paths: []string{p.Locations[0].Path}},
			})
		}
		return nil
	}})
	return m, err
}

func evaluate(_ context.Context, p policy.Policy, _ *bundle.Bundle, m report.Matches, _ report.Image, tag string) (report.Evaluation, error) {
	e := report.Evaluation{PolicyID: p.ID, Tag: tag, Status: report.Pass, FinalAction: report.Go, FinalActionReason: "policy_evaluation"}
	if len(m.Vulnerabilities) > 0 {
		e.Status, e.FinalAction = report.Fail, report.Stop
	}
	e.PolicyAction = e.FinalAction
	if !m.Database.Present {
		e.Problems = []report.Problem{{Severity: "warn", Type: report.ProblemNoData, Details: "no database"}}
	}
	return e, nil
}

// running is a server at work.
type running struct {
	*importserver.Account
	t      *testing.T
	server *importserver.Server
	engine *engine
	dir    string
	stop   func() // ends Run and waits for it
	web    *httptest.Server
}

// options have everything follow soon, but for what becomes of processes that fell
// silent: a machine that stands still for some seconds is none of those.
func options(dir string) importserver.Options {
	return importserver.Options{
		Dir: dir, Version: "test", AdminPassword: password, LoginDelay: time.Millisecond,
		LeaseTime: time.Minute, Heartbeat: 100 * time.Millisecond, PollInterval: 20 * time.Millisecond, Grace: 50 * time.Millisecond,
		RetryDelay: time.Millisecond, MaxAttempts: 3, Host: "host",
	}
}

// shortLease is for tests that wait until a dead process is taken for one.
const shortLease = 2 * time.Second

func open(t *testing.T, e *engine, o importserver.Options) *importserver.Server {
	t.Helper()
	if o.Store == "" {
		o.Store = storeOf(t, o.Dir)
	}
	s, err := importserver.Open(t.Context(), o, e.functions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// start opens a server and has it work until the test ends.
func start(t *testing.T, e *engine, o importserver.Options) *running {
	t.Helper()
	if o.Log == nil { // what went wrong is seen of tests that fail
		level := slog.LevelWarn
		if testing.Verbose() {
			level = slog.LevelInfo
		}
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	}
	s := open(t, e, o)
	r := &running{Account: s.Account(importserver.Admin), t: t, server: s, engine: e, dir: o.Dir}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	r.stop = func() { cancel(); <-ended }
	r.web = httptest.NewServer(described(t, s.Handler()))
	t.Cleanup(func() { r.web.Close(); r.stop(); s.Close() })
	return r
}

// described fails the test for every answer that is not as the API's description
// has it.
func described(t *testing.T, next http.Handler) http.Handler {
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, o := range d.Operations() {
		mux.HandleFunc(o.Pattern(), func(w http.ResponseWriter, r *http.Request) {
			c := &copied{ResponseWriter: w, code: http.StatusOK}
			next.ServeHTTP(c, r)
			if c.code != http.StatusNotImplemented && r.Context().Err() == nil {
				if err := o.Response(c.code, w.Header(), c.body.Bytes()); err != nil {
					t.Errorf("%s %s: %v", r.Method, r.URL, err)
				}
			}
		})
	}
	mux.Handle("/", next)
	return mux
}

// copied keeps what is answered.
type copied struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (c *copied) WriteHeader(code int) { c.code = code; c.ResponseWriter.WriteHeader(code) }

func (c *copied) Write(b []byte) (int, error) { c.body.Write(b); return c.ResponseWriter.Write(b) }

func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// await waits until an image has a status.
func (r *running) await(digest, status string) wire.Image {
	r.t.Helper()
	return r.until(digest, func(i wire.Image) bool { return i.Status == status })
}

func (r *running) until(digest string, ok func(wire.Image) bool) wire.Image {
	r.t.Helper()
	var i wire.Image
	happened := eventually(func() bool {
		var err error
		if i, err = r.Image(context.Background(), digest); err != nil {
			r.t.Fatal(err)
		}
		return ok(i)
	})
	if !happened {
		r.t.Fatalf("image %s stays %s: %s\n%+v", digest, i.Status, i.StatusReason, i.StatusDetail)
	}
	return i
}

// patience is how long tests wait for what happens soon, however busy the machine is.
const patience = 2 * time.Minute

// eventually waits until something is so, and tells whether it came to that.
func eventually(so func() bool) bool {
	for deadline := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// metrics are what the server tells of itself, once that has all lines: what happened is
// counted after it is seen.
func (r *running) metrics(lines ...string) string {
	r.t.Helper()
	var text string
	all := func(line string) bool { return strings.Contains(text, line) }
	if !eventually(func() bool {
		_, text = r.request("GET", wire.RouteMetrics, nil, nil)
		return !slices.ContainsFunc(lines, func(line string) bool { return !all(line) })
	}) {
		r.t.Fatalf("the metrics lack one of %q:\n%s", lines, text)
	}
	return text
}

// request sends a request and gives the answer with its body.
func (r *running) request(method, path string, body io.Reader, change func(*http.Request)) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.web.URL+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("admin", password)
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(data)
}

// call is request for JSON that succeeds.
func (r *running) call(method, path, body string, into any) *http.Response {
	r.t.Helper()
	resp, text := r.request(method, path, strings.NewReader(body), nil)
	if resp.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return resp
}

// refused is request for what must fail.
func (r *running) refused(method, path, body string, change func(*http.Request)) wire.Error {
	r.t.Helper()
	resp, text := r.request(method, path, strings.NewReader(body), change)
	var e wire.Error
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Code != resp.StatusCode || e.Message == "" || e.Detail["request_id"] == nil {
		r.t.Errorf("%s %s: %d %s is not the contract's error", method, path, resp.StatusCode, text)
	}
	return e
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
