package importserver_test

import (
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestWhatIsInheritedFromTheBaseImage(t *testing.T) {
	r := analysed(t, &engine{})
	other := newBundle(t, image{digest: digestOf(2), tags: []string{"b:1"}})
	if _, err := r.Import(t.Context(), other, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(other.Digest, wire.Analyzed)
	bare := newBundle(t, image{digest: digestOf(3), tags: []string{"c:1"}, document: `{"artifacts":[],"artifactRelationships":[],"source":{"id":"s","type":"image"},"distro":{"id":"debian"},"descriptor":{"name":"syft"},"schema":{"version":"16"}}`})
	if _, err := r.Import(t.Context(), bare, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(bare.Digest, wire.Analyzed)
	var d report.Database
	r.call("POST", wire.RouteDatabase+"?name=one.tar", "one", &d)
	for _, digest := range []string{digestOf(1), digestOf(2), digestOf(3)} {
		if !eventually(func() bool {
			v, err := r.Vulnerabilities(t.Context(), digest, wire.VulnerabilityFilter{})
			if err != nil {
				t.Fatal(err)
			}
			return v.Database.Present
		}) {
			t.Fatalf("%s is not matched with the database", digest)
		}
	}
	is := func(b *bool) string {
		if b == nil {
			return "not compared"
		}
		return map[bool]string{true: "inherited", false: "its own"}[*b]
	}
	for base, want := range map[string]string{"": "not compared", digestOf(2): "inherited", digestOf(3): "its own", digestOf(1): "inherited"} {
		var v wire.Vulnerabilities
		r.call("GET", wire.Path(wire.RouteVuln, digestOf(1), "all")+"?base_digest="+base, "", &v)
		if len(v.Items) != 1 || is(v.Items[0].Inherited) != want || (v.Base == nil) != (base == "") || v.Base != nil && *v.Base != base {
			t.Errorf("with the base image %q: %s", base, toJSON(t, v))
		}
		var c wire.Check
		r.call("GET", wire.Path(wire.RouteCheck, digestOf(1))+"?tag=a:1&base_digest="+base, "", &c)
		if e := c.Evaluations[0]; (e.Base == nil) != (base == "") || e.Base != nil && *e.Base != base {
			t.Errorf("checked with the base image %q: %s", base, toJSON(t, c))
		}
	}
	for base, kind := range map[string]fault.Kind{digestOf(9): fault.NotFound, "x": fault.Invalid} {
		if _, err := r.Vulnerabilities(t.Context(), digestOf(1), wire.VulnerabilityFilter{Base: base}); fault.Of(err) != kind {
			t.Errorf("vulnerabilities against %q: %v", base, err)
		}
		if _, err := r.Check(t.Context(), digestOf(1), wire.CheckRequest{Tag: "a:1", Base: base}); fault.Of(err) != kind {
			t.Errorf("check against %q: %v", base, err)
		}
	}
}

func TestDetectionIsTheFirst(t *testing.T) {
	r := analysed(t, &engine{})
	var d report.Database
	r.call("POST", wire.RouteDatabase+"?name=one.tar", "one", &d)
	r.matchedWith(1, "sha256:one")
	first := r.vulnerabilities().Items[0].DetectedAt
	if first == nil {
		t.Fatal("nothing says when it was detected")
	}
	time.Sleep(2 * time.Millisecond)
	again, err := r.Vulnerabilities(t.Context(), digestOf(1), wire.VulnerabilityFilter{Refresh: true})
	if err != nil || !again.Items[0].DetectedAt.Equal(*first) {
		t.Errorf("matched anew: %v, was %v; %v", again.Items[0].DetectedAt, first, err)
	}
}
