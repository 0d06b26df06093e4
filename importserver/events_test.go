package importserver_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// eventTypesOf are the types of a page's events, oldest first.
func eventTypesOf(p wire.Events) []string {
	var all []string
	for _, e := range slices.Backward(p.Results) {
		all = append(all, e.Event.Type)
	}
	return all
}

func TestEventsTellWhatBecameOfAnImage(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	one := image{digest: digestOf(1), tags: []string{"docker.io/alpine:3"}}
	if _, err := r.Import(t.Context(), newBundle(t, one), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(one.digest, wire.Analyzed)
	if _, err := r.Import(t.Context(), newBundle(t, one), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	two := image{digest: digestOf(2), tags: one.tags}
	if _, err := r.Import(t.Context(), newBundle(t, two), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(two.digest, wire.Analyzed)
	var page wire.Events
	r.call("GET", "/v2/events", "", &page)
	want := []string{
		"system.image_analysis.started", "system.image_analysis.completed", "user.image.analysis.completed",
		"user.image.import.unchanged", "user.image.tag.updated",
		"system.image_analysis.started", "system.image_analysis.completed", "user.image.analysis.completed",
	}
	if diff := cmp.Diff(want, eventTypesOf(page)); diff != "" {
		t.Error(diff)
	}
	if page.Count != len(want) || page.NextPage || page.Page != 1 {
		t.Errorf("page %d of %d events, next %v", page.Page, page.Count, page.NextPage)
	}
	r.call("GET", "/v2/events?event_type=user.image.tag", "", &page)
	e := page.Results[0].Event
	if e.Resource.ID != "docker.io/alpine:3" || e.Details["last_image_digest"] != one.digest || e.Details["image_digest"] != two.digest {
		t.Errorf("the tag's event is %+v", e)
	}
}

func TestEventsArePagedFilteredAndDeleted(t *testing.T) {
	e := &engine{resolve: func(importserver.Target) (importserver.Resolved, error) {
		return importserver.Resolved{}, fault.New(fault.NotFound, "it is not there")
	}}
	r := start(t, e, options(t.TempDir()))
	before := time.Now()
	for n := range 5 {
		r.refused("POST", "/v2/images", fmt.Sprintf(`{"source":{"tag":{"pull_string":"docker.io/none:%d"}}}`, n),
			func(r *http.Request) { r.Header.Set(wire.RequestIDHeader, fmt.Sprint("ask-", n)) })
	}
	var page wire.Events
	r.call("GET", "/v2/events?limit=2&page=2", "", &page)
	if page.Count != 2 || !page.NextPage || page.Results[0].Event.Resource.ID != "docker.io/none:2" || page.Results[0].Event.Source.RequestID != "ask-2" {
		t.Errorf("the second page of two: %+v", page)
	}
	r.call("GET", "/v2/events?limit=2&page=3", "", &page)
	if page.Count != 1 || page.NextPage {
		t.Errorf("the last page: %+v", page)
	}
	id := page.Results[0].ID
	for query, want := range map[string]int{
		"event_type=system.image_analysis.registry_lookup_failed": 5, "event_type=system.": 5, "event_type=system.*.registry_*": 5, "event_type=user.": 0,
		"event_type=systemximage": 0, "event_type=system_": 0, "level=ERROR": 5, "level=info": 0, "resource_id=docker.io/none:3": 1, "resource_type=image_reference": 5,
		"resource_type=image_tag": 0, "source_service_name=api": 5, "source_service_name=worker": 0, "source_host_id=host": 5, "source_host_id=x": 0,
		"since=" + before.UTC().Format(time.RFC3339): 5, "before=" + before.UTC().Format(time.RFC3339): 0, "since=2999-01-01": 0, "before=2999-01-01T00:00:00": 5,
		"limit=0": 5, "limit=99999999999999999999999": 5,
	} {
		r.call("GET", "/v2/events?"+query, "", &page)
		if page.Count != want {
			t.Errorf("%s: %d events, want %d", query, page.Count, want)
		}
	}
	for _, query := range []string{"since=yesterday", "before=x", "level=loud", "page=0", "page=-1", "limit=-1", "limit=x", "page=99999999999999999999", "event_type=A%20B"} {
		if e := r.refused("GET", "/v2/events?"+query, "", nil); e.Code != 400 {
			t.Errorf("%s: %d", query, e.Code)
		}
	}
	var one wire.Event
	r.call("GET", "/v2/events/"+id, "", &one)
	if one.ID != id || one.Event.Category != "system" || fmt.Sprint(one.Event.Details["error_codes"]) != "[REGISTRY_IMAGE_NOT_FOUND]" {
		t.Errorf("one event: %+v", one)
	}
	r.call("DELETE", "/v2/events/"+id, "", nil)
	for _, method := range []string{"GET", "DELETE"} {
		if e := r.refused(method, "/v2/events/"+id, "", nil); e.Code != 404 {
			t.Errorf("%s of what is deleted: %d", method, e.Code)
		}
	}
	var ids []string
	r.call("DELETE", "/v2/events?level=info", "", &ids)
	if len(ids) != 0 {
		t.Errorf("deleted %v of another level", ids)
	}
	r.call("DELETE", "/v2/events?level=error", "", &ids)
	if len(ids) != 4 {
		t.Errorf("deleted %d, want 4", len(ids))
	}
}

func TestLongFiltersOfEventsAreRefused(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	if e := r.refused("GET", "/v2/events?event_type="+strings.Repeat("a", 60_000), "", nil); e.Code != 400 {
		t.Errorf("%d %.200s", e.Code, e.Message)
	}
}

func TestEventsAreBounded(t *testing.T) {
	e := &engine{resolve: func(importserver.Target) (importserver.Resolved, error) {
		return importserver.Resolved{}, fault.New(fault.NotFound, "it is not there")
	}}
	o := options(t.TempDir())
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	o.MaxEvents, o.EventAge, o.Now = 3, time.Hour, func() time.Time { return now }
	s := open(t, e, o)
	a := s.Account(importserver.Admin)
	for n := range 5 {
		a.AddImage(t.Context(), wire.ImageRequest{Source: wire.ImageSource{Tag: &wire.TagSource{PullString: fmt.Sprint("none:", n)}}}, wire.AddOptions{})
	}
	left := func() string {
		if err := s.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := a.Events(t.Context(), wire.EventFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range page.Results {
			names = append(names, e.Event.Resource.ID)
		}
		return strings.Join(names, " ")
	}
	if got := left(); got != "docker.io/none:4 docker.io/none:3 docker.io/none:2" {
		t.Errorf("left are %s", got)
	}
	now = now.Add(2 * time.Hour)
	if got := left(); got != "" {
		t.Errorf("left after their time are %s", got)
	}
}

func TestSubscriptions(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	i := image{digest: digestOf(1), tags: []string{"docker.io/alpine:3"}}
	if _, err := r.Import(t.Context(), newBundle(t, i), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	var list []wire.Subscription
	r.call("GET", "/v2/subscriptions?subscription_key=docker.io/alpine:3", "", &list)
	active := map[string]bool{}
	for _, s := range list {
		active[s.Type] = s.Active
	}
	want := map[string]bool{"analysis_update": true, "tag_update": true, "policy_eval": false, "vuln_update": false}
	if diff := cmp.Diff(want, active); diff != "" {
		t.Error(diff)
	}
	r.call("GET", "/v2/subscriptions?subscription_type=vuln_update", "", &list)
	if len(list) != 1 || len(list[0].ID) != 32 {
		t.Fatalf("by type: %+v", list)
	}
	path := "/v2/subscriptions/" + list[0].ID
	r.call("PUT", path, `{"active":true,"subscription_value":"{}"}`, &list)
	if s := list[0]; !s.Active || s.Value == nil || *s.Value != "{}" {
		t.Errorf("changed: %+v", s)
	}
	r.call("PUT", path, `{"active":false}`, &list)
	r.call("GET", path, "", &list)
	if s := list[0]; s.Active || s.Value == nil || *s.Value != "{}" {
		t.Errorf("changed again: %+v", s)
	}
	if resp := r.call("DELETE", path, "", nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if e := r.refused(method, path, "{}", nil); e.Code != 404 {
			t.Errorf("%s of what is deleted: %d", method, e.Code)
		}
	}
	r.call("POST", "/v2/subscriptions", `{"subscription_key":"alpine","subscription_type":"vuln_update","active":true}`, &list)
	if s := list[0]; s.Key != "docker.io/alpine:latest" || !s.Active || s.Value != nil {
		t.Errorf("added: %+v", s)
	}
	for _, body := range []string{
		`{"subscription_key":"docker.io/alpine:latest","subscription_type":"vuln_update"}`, `{"subscription_key":"a","subscription_type":"x"}`,
		`{"subscription_type":"vuln_update"}`, `{"subscription_key":"a:b:c:","subscription_type":"vuln_update"}`, `{"subscription_key":"r.io/a:1","subscription_type":"repo_update"}`,
		`{"subscription_key":1,"subscription_type":"vuln_update"}`, `[]`, `{`, ``,
	} {
		if e := r.refused("POST", "/v2/subscriptions", body, nil); e.Code != 400 {
			t.Errorf("%s: %d", body, e.Code)
		}
	}
}

func TestEventsTellOfTheDatabaseAndTheServer(t *testing.T) {
	dir := t.TempDir()
	r := start(t, &engine{}, options(dir))
	r.call("POST", "/v2/system/vulndb?name=x", "data", nil)
	r.refused("POST", "/v2/system/vulndb?name=x", "", nil)
	r.call("POST", "/v2/system/vulndb/update", "", nil)
	r.stop()
	page, err := r.Events(t.Context(), wire.EventFilter{Type: "system."})
	want := []string{
		"system.feeds.sync.started", "system.feeds.sync.completed", "system.feeds.sync.started", "system.feeds.sync.failed",
		"system.feeds.sync.started", "system.feeds.sync.completed", "system.service.state_transition.down",
	}
	if diff := cmp.Diff(want, eventTypesOf(page)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// Every event that is told of is one of the types that are listed.
func TestEventTypesAreAll(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	var categories []wire.EventCategory
	r.call("GET", "/v2/event-types", "", &categories)
	seen := map[string]bool{}
	for _, c := range categories {
		for _, s := range c.Subcategories {
			for _, e := range s.Events {
				if seen[e.Type] || !strings.HasPrefix(e.Type, s.Name+".") || !strings.HasPrefix(s.Name, c.Name+".") || e.Message == "" || e.ResourceType == "" || e.Name == "" {
					t.Errorf("%s is not described as it should be: %+v", e.Type, e)
				}
				seen[e.Type] = true
			}
		}
	}
	source, err := os.ReadFile("../formats/wire/events.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Event\w+\s+= "([a-z_.]+)"`).FindAllStringSubmatch(string(source), -1) {
		if !seen[m[1]] {
			t.Errorf("%s is not listed", m[1])
		}
		delete(seen, m[1])
	}
	if len(seen) > 0 {
		t.Errorf("listed without being there: %v", seen)
	}
}

func TestEventsTellOfTheActivePolicy(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	other := testPolicy("other")
	if _, err := r.AddPolicy(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is active already
		if _, err := r.ActivatePolicy(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
	}
	other.Description = "changed"
	for range 2 { // the second time there is nothing new
		if _, err := r.UpdatePolicy(t.Context(), "other", other); err != nil {
			t.Fatal(err)
		}
	}
	page, err := r.Events(t.Context(), wire.EventFilter{})
	if diff := cmp.Diff([]string{"user.policy.active.updated", "user.policy.active.content_change"}, eventTypesOf(page)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
