package importserver_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
)

func TestEventsTellWhatAnotherDatabaseChanges(t *testing.T) {
	e := &engine{}
	r := start(t, e, options(t.TempDir()))
	i := image{digest: digestOf(1), tags: []string{"docker.io/alpine:3"}}
	if _, err := r.Import(t.Context(), newBundle(t, i), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(i.digest, wire.Analyzed)
	checks := func() []string {
		var page wire.Events
		r.call("GET", "/v2/events?event_type=user.checks.", "", &page)
		return eventTypesOf(page)
	}
	if got := checks(); got != nil {
		t.Errorf("found for the first time: %v", got)
	}
	renew := func(name string) {
		t.Helper()
		before := e.matched.Load()
		if _, err := r.ImportDatabase(t.Context(), bytes.NewReader([]byte(name)), name, ""); err != nil {
			t.Fatal(err)
		}
		r.until(i.digest, func(wire.Image) bool {
			s, err := r.Status(context.Background())
			return err == nil && e.matched.Load() > before && s.Detail["queue"].(map[string]any)["queued"] == 0 && s.Detail["queue"].(map[string]any)["running"] == 0
		})
	}
	renew("one")
	vulnerabilities, verdict := "user.checks.tag.vulnerabilities.update", "user.checks.tag.policy_evaluation.update"
	if diff := cmp.Diff([]string{vulnerabilities, verdict}, checks()); diff != "" {
		t.Error(diff)
	}
	renew("two") // another vulnerability, and the same verdict
	if diff := cmp.Diff([]string{vulnerabilities, verdict, vulnerabilities}, checks()); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Import(t.Context(), newBundle(t, i), wire.AddOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	r.await(i.digest, wire.Analyzed)
	if got := checks(); len(got) != 3 {
		t.Errorf("nothing changed, and yet there is %v", got)
	}
}
