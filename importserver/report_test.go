package importserver_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// analysed is a server with one image that is analysed.
func analysed(t *testing.T, e *engine) *running {
	t.Helper()
	r := start(t, e, options(t.TempDir()))
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(b.Digest, wire.Analyzed)
	return r
}

func (r *running) vulnerabilities() wire.Vulnerabilities {
	r.t.Helper()
	v, err := r.Vulnerabilities(context.Background(), digestOf(1), wire.VulnerabilityFilter{})
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *running) check(req wire.CheckRequest) wire.Check {
	r.t.Helper()
	req.Tag = "a:1"
	c, err := r.Check(context.Background(), digestOf(1), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func TestWithoutDatabaseItIsSaid(t *testing.T) {
	r := analysed(t, &engine{})
	if v := r.vulnerabilities(); v.Database.Present || len(v.Items) != 0 {
		t.Errorf("vulnerabilities: %+v", v)
	}
	c := r.check(wire.CheckRequest{})
	if len(c.Evaluations) != 1 || c.Evaluations[0].Database.Present || len(c.Evaluations[0].Problems) != 1 {
		t.Errorf("check: %s", toJSON(t, c))
	}
}

func TestNewDatabaseHasAllAssessedAnew(t *testing.T) {
	e := &engine{}
	r := analysed(t, e)
	for _, name := range []string{"one", "two"} {
		var d report.Database
		r.call("POST", wire.RouteDatabase+"?name="+name+".tar", name, &d)
		r.matchedWith(1, "sha256:"+name)
		v := r.vulnerabilities()
		if len(v.Items) != 1 || v.Items[0].ID != "CVE-1 by sha256:"+name {
			t.Fatalf("with %s: %s", name, toJSON(t, v))
		}
		if c := r.check(wire.CheckRequest{}); c.Evaluations[0].FinalAction != "stop" || c.Evaluations[0].Database.Digest != "sha256:"+name {
			t.Errorf("with %s: %s", name, toJSON(t, c))
		}
	}
	i, err := r.Image(t.Context(), digestOf(1))
	if err != nil || i.Status != wire.Analyzed || len(i.StatusDetail) != 3 {
		t.Errorf("the image left its status: %s, %v", toJSON(t, i), err)
	}
	c := r.check(wire.CheckRequest{History: true})
	var sources []string
	for _, v := range c.Evaluations {
		sources = append(sources, v.Database.Source)
	}
	if diff := cmp.Diff([]string{"two.tar", "one.tar", ""}, sources); diff != "" {
		t.Errorf("the databases of the history: %s", diff)
	}
	e.now.Digest = "sha256:put there while nobody looked"
	r.stop()
	r2 := r.reopen()
	r2.until(digestOf(1), func(wire.Image) bool { return r2.vulnerabilities().Database.Digest == e.now.Digest })
}

// reopen starts another server on the directory of one that has stopped.
func (r *running) reopen() *running {
	r.t.Helper()
	r.server.Close()
	return start(r.t, r.engine, options(r.dir))
}

func TestDatabaseThatChangesDuringAnAssessmentIsUsed(t *testing.T) {
	e := &engine{}
	r := analysed(t, e)
	first := true
	e.onMatch = func(ctx context.Context) error {
		if first {
			first = false
			_, err := r.ImportDatabase(ctx, strings.NewReader("newer"), "x", "")
			return err
		}
		return nil
	}
	if _, err := r.ImportDatabase(t.Context(), strings.NewReader("new"), "x", ""); err != nil {
		t.Fatal(err)
	}
	r.until(digestOf(1), func(wire.Image) bool { return r.vulnerabilities().Database.Digest == "sha256:newer" })
	before := e.matched.Load()
	v, err := r.Vulnerabilities(t.Context(), digestOf(1), wire.VulnerabilityFilter{Refresh: true})
	if err != nil || len(v.Items) != 1 || e.matched.Load() == before {
		t.Errorf("refreshed: %+v, %v", v, err)
	}
}

func TestFailedReassessmentLeavesTheReport(t *testing.T) {
	e := &engine{}
	r := analysed(t, e)
	e.onMatch = func(context.Context) error { return errors.New("the database is broken") }
	if _, err := r.ImportDatabase(t.Context(), strings.NewReader("new"), "x", ""); err != nil {
		t.Fatal(err)
	}
	i := r.until(digestOf(1), func(i wire.Image) bool { return strings.Contains(i.StatusReason, "gave up after 3") })
	if i.Status != wire.Analyzed || r.vulnerabilities().Database.Present {
		t.Errorf("%s: %+v", i.Status, r.vulnerabilities())
	}
}

func TestPolicies(t *testing.T) {
	r := analysed(t, &engine{})
	list, err := r.Policies(t.Context(), false)
	if err != nil || len(list) != 1 || !list[0].Active || list[0].ID != "default" || list[0].Policy != nil {
		t.Errorf("policies at first: %s, %v", toJSON(t, list), err)
	}
	var p wire.PolicyRecord
	r.call("POST", wire.RoutePolicies, toJSON(t, testPolicy("mine")), &p)
	if p.Active || p.Policy == nil {
		t.Errorf("added: %s", toJSON(t, p))
	}
	r.call("POST", wire.RoutePolicies, toJSON(t, testPolicy("mine")), nil) // the same again
	var bare []wire.PolicyRecord                                           // without "items", as the contract has it
	if r.call("GET", wire.RoutePolicies, "", &bare); len(bare) != 2 || bare[1].ID != "mine" || bare[1].Policy != nil {
		t.Errorf("the list of policies: %+v", bare)
	}
	other := testPolicy("mine")
	other.Name = "another"
	for name, test := range map[string]struct {
		method, path, body string
		code               int
	}{
		"another of the same id": {"POST", wire.RoutePolicies, toJSON(t, other), 409},
		"defects":                {"POST", wire.RoutePolicies, `{"id":"x"}`, 400},
		"bad id":                 {"POST", wire.RoutePolicies, toJSON(t, testPolicy("../x")), 400},
		"get none":               {"GET", wire.Path(wire.RoutePolicy, "none"), "", 404},
		"delete none":            {"DELETE", wire.Path(wire.RoutePolicy, "none"), "", 404},
		"delete the active one":  {"DELETE", wire.Path(wire.RoutePolicy, "default"), "", 409},
		"activate none":          {"PUT", wire.Path(wire.RoutePolicy, "none"), `{"active":true}`, 404},
		"update under other id":  {"PUT", wire.Path(wire.RoutePolicy, "default"), toJSON(t, wire.PolicyRecord{Policy: &other}), 400},
	} {
		if e := r.refused(test.method, test.path, test.body, nil); e.Code != test.code {
			t.Errorf("%s: %+v", name, e)
		}
	}
	r.call("PUT", wire.Path(wire.RoutePolicy, "mine"), toJSON(t, wire.PolicyRecord{ID: "mine", Active: true, Policy: &other}), &p)
	if !p.Active || p.Name != "another" {
		t.Errorf("updated and activated: %s", toJSON(t, p))
	}
	if c := r.check(wire.CheckRequest{}); c.PolicyID != "mine" {
		t.Errorf("checked by %s", c.PolicyID)
	}
	if c := r.check(wire.CheckRequest{PolicyID: "default"}); c.PolicyID != "default" {
		t.Errorf("checked by %s", c.PolicyID)
	}
	r.call("DELETE", wire.Path(wire.RoutePolicy, "default"), "", nil)
	if list, err = r.Policies(t.Context(), true); err != nil || len(list) != 1 || list[0].Policy == nil {
		t.Errorf("policies at last: %s, %v", toJSON(t, list), err)
	}
	r2 := func() *running { r.stop(); return r.reopen() }()
	if list, err = r2.Policies(t.Context(), false); err != nil || len(list) != 1 || list[0].ID != "mine" {
		t.Errorf("policies after a restart: %s, %v", toJSON(t, list), err)
	}
}

func TestVerdictsAreKeptUntilSomethingChanges(t *testing.T) {
	r := analysed(t, &engine{})
	first := r.check(wire.CheckRequest{})
	if first.Evaluations[0].Details != nil {
		t.Errorf("details that nobody asked for: %s", toJSON(t, first))
	}
	if second := r.check(wire.CheckRequest{Detail: true, History: true}); len(second.Evaluations) != 1 || second.Evaluations[0].Details == nil {
		t.Errorf("checked again: %s", toJSON(t, second))
	}
	r.check(wire.CheckRequest{Interactive: true})
	if c := r.check(wire.CheckRequest{History: true}); len(c.Evaluations) != 1 {
		t.Errorf("an interactive verdict was kept: %s", toJSON(t, c))
	}
	p := testPolicy("default")
	p.Description = "changed"
	if _, err := r.UpdatePolicy(t.Context(), "default", p); err != nil {
		t.Fatal(err)
	}
	c := r.check(wire.CheckRequest{History: true, Detail: true})
	var said []string
	for _, e := range c.Evaluations {
		said = append(said, e.Details.Policy.Description)
	}
	if diff := cmp.Diff([]string{"changed", testPolicy("default").Description}, said); diff != "" {
		t.Errorf("what the policy said at each verdict: %s", diff)
	}
	for _, req := range []wire.CheckRequest{{Tag: "a b"}, {Tag: ""}, {Tag: "a@" + digestOf(1)}} {
		if _, err := r.Check(t.Context(), digestOf(1), req); fault.Of(err) != fault.Invalid {
			t.Errorf("check %+v: %v", req, err)
		}
	}
	if _, err := r.Check(t.Context(), digestOf(1), wire.CheckRequest{Tag: "a:1", PolicyID: "none"}); fault.Of(err) != fault.NotFound {
		t.Errorf("check by an unknown policy: %v", err)
	}
}

func TestDeletedEvidenceIsRemoved(t *testing.T) {
	e := &engine{}
	o := options(t.TempDir())
	o.BlobAge = time.Nanosecond
	r := start(t, e, o)
	one := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	two := newBundle(t, image{digest: digestOf(2), tags: []string{"a:2"}, document: strings.Replace(document, "left-pad", "right-pad", 2)})
	r.importOver(one, "")
	r.importOver(two, "")
	r.await(one.Digest, wire.Analyzed)
	r.await(two.Digest, wire.Analyzed)
	if n := r.blobs(); n != 7 { // six parts, of which five are shared
		t.Errorf("%d blobs of two images, want 7", n)
	}
	list, err := r.DeleteImages(t.Context(), []string{one.Digest}, false)
	if err != nil || list[0].Status != "delete_failed" || !strings.Contains(list[0].Detail, "docker.io/a:1 means this image") {
		t.Fatalf("an image that a watched tag means: %+v, %v", list, err)
	}
	if list, err = r.DeleteImages(t.Context(), []string{one.Digest}, true); err != nil || list[0].Status != wire.Deleting {
		t.Fatalf("with force: %+v, %v", list, err)
	}
	if left, err := r.Subscriptions(t.Context(), "docker.io/a:1", wire.SubscribeAnalysis); err != nil || len(left) != 1 || left[0].Active {
		t.Errorf("subscriptions to the tag: %+v, %v", left, err)
	}
	if err := r.server.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.blobs(); n != 6 {
		t.Errorf("%d blobs of one image, want 6", n)
	}
	if p, err := r.Packages(t.Context(), two.Digest, "npm"); err != nil || p.Content[0].Name != "right-pad" {
		t.Errorf("the other image's packages: %+v, %v", p, err)
	}
}

func (r *running) blobs() int {
	all, _ := filepath.Glob(filepath.Join(r.dir, "blobs", "sha256", "*", "*.zst"))
	return len(all)
}

// Who asks for an image to be matched anew gets what the newest database says, also
// where that comes while it is matched with the one before.
func TestAnOlderDatabaseReplacesNothing(t *testing.T) {
	e := &engine{}
	r := analysed(t, e)
	r.importDatabase("first")
	r.matchedWith(1, "sha256:first")
	var begun atomic.Bool
	e.onMatch = func(context.Context) error {
		if begun.CompareAndSwap(false, true) {
			r.importDatabase("second")
			r.matchedWith(1, "sha256:second")
		}
		return nil
	}
	if _, err := r.Vulnerabilities(t.Context(), digestOf(1), wire.VulnerabilityFilter{Refresh: true}); err != nil {
		t.Error(err)
	}
	r.matchedWithNow(1, "sha256:second")
}

// matchedWithNow looks once.
func (r *running) matchedWithNow(n int, database string) {
	r.t.Helper()
	v, err := r.Vulnerabilities(context.Background(), digestOf(n), wire.VulnerabilityFilter{})
	if err != nil || len(v.Items) != 1 || v.Items[0].ID != "CVE-1 by "+database {
		r.t.Errorf("image %d is matched with %+v, not with %s; %v", n, v.Items, database, err)
	}
}
