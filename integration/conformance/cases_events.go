package main

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

var eventsCases = []Case{
	{"list_event_types", "the types of events are told by category", func(r *Run) {
		var categories []wire.EventCategory
		r.Call("list_event_types", Options{}).JSON(&categories)
		types := map[string]bool{}
		for _, c := range categories {
			for _, s := range c.Subcategories {
				for _, e := range s.Events {
					types[e.Type] = true
				}
			}
		}
		for _, want := range []string{
			wire.EventImageCompleted, wire.EventImageFailed, wire.EventAnalysisCompleted, wire.EventLookupFailed,
			wire.EventPolicyEvaluation, wire.EventVulnerabilities, wire.EventFeedsCompleted, wire.EventListTagsFailed,
		} {
			if !types[want] {
				r.Failf("there is no event type %s", want)
			}
		}
	}},
	{"list_events", "a look-up that fails is an event with its resource, level and request", func(r *Run) {
		name := r.lookupFails()
		var page wire.Events
		r.Call("list_events", Options{Query: url.Values{"resource_id": {name}, "event_type": {"system.image_analysis."}, "level": {"error"}}}).JSON(&page)
		if len(page.Results) != 1 || page.Count != 1 || page.NextPage || page.Page != 1 {
			r.Failf("the page is %+v", page)
			return
		}
		e := page.Results[0]
		if e.Event.Type != wire.EventLookupFailed || e.Event.Resource.ID != name || e.ID == "" || e.CreatedAt.IsZero() || e.Event.Message == "" {
			r.Failf("the event is %+v", e)
		}
		for _, q := range []url.Values{
			{"resource_id": {name}, "level": {"info"}}, {"resource_id": {name}, "event_type": {"user."}}, {"resource_id": {name}, "before": {"2001-01-01T00:00:00Z"}},
			{"resource_id": {name}, "since": {"2999-01-01T00:00:00Z"}}, {"resource_id": {name}, "source_service_name": {"none"}},
			{"resource_id": {name}, "source_host_id": {"none"}}, {"resource_id": {name}, "resource_type": {"none"}},
		} {
			r.Call("list_events", Options{Query: q}).JSON(&page)
			if len(page.Results) != 0 {
				r.Failf("%v: %d events", q, len(page.Results))
			}
		}
		r.Call("delete_event", Options{Path: map[string]string{"event_id": e.ID}})
	}},
	{"list_events", "pages follow each other, newest first", func(r *Run) {
		r.lookupFails()
		r.lookupFails()
		var one, two, both wire.Events
		q := url.Values{"event_type": {wire.EventLookupFailed}, "limit": {"1"}}
		r.Call("list_events", Options{Query: q}).JSON(&one)
		q.Set("page", "2")
		r.Call("list_events", Options{Query: q}).JSON(&two)
		q.Set("page", "1")
		q.Set("limit", "2")
		r.Call("list_events", Options{Query: q}).JSON(&both)
		if len(one.Results) != 1 || !one.NextPage || len(two.Results) != 1 || two.Page != 2 || len(both.Results) != 2 ||
			one.Results[0].ID != both.Results[0].ID || two.Results[0].ID != both.Results[1].ID || both.Results[0].CreatedAt.Before(both.Results[1].CreatedAt) {
			r.Failf("pages of one are %+v and %+v, and of two %+v", one, two, both)
		}
		for _, e := range both.Results {
			r.Call("delete_event", Options{Path: map[string]string{"event_id": e.ID}})
		}
	}},
	{"list_events", "what is no time, page or type is refused", func(r *Run) {
		for name, value := range map[string]string{"since": "yesterday", "before": "x", "page": "x", "limit": "-1", "event_type": "A B"} {
			r.Call("list_events", Options{Query: url.Values{name: {value}}, Expect: http.StatusBadRequest})
		}
	}},
	{"get_event", "one event is as in the list, and gone once it is deleted", func(r *Run) {
		name := r.lookupFails()
		var page wire.Events
		r.Call("list_events", Options{Query: url.Values{"resource_id": {name}}}).JSON(&page)
		if len(page.Results) != 1 {
			r.Failf("the page is %+v", page)
			return
		}
		var e wire.Event
		path := map[string]string{"event_id": page.Results[0].ID}
		r.Call("get_event", Options{Path: path}).JSON(&e)
		if e.ID != path["event_id"] || e.Event.Resource.ID != name {
			r.Failf("the event is %+v", e)
		}
		r.Call("delete_event", Options{Path: path})
		r.Call("get_event", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("delete_event", Options{Path: path, Expect: http.StatusNotFound})
	}},
	{"delete_events", "nothing is deleted of a time in which nothing was", func(r *Run) {
		var ids []string
		r.Call("delete_events", Options{Query: url.Values{"before": {"2001-01-01T00:00:00Z"}, "level": {"info"}}}).JSON(&ids)
		if len(ids) != 0 {
			r.Failf("deleted %v", ids)
		}
		r.Call("delete_events", Options{Query: url.Values{"before": {"x"}}, Expect: http.StatusBadRequest})
		r.Call("delete_events", Options{Query: url.Values{"since": {"x"}}, Expect: http.StatusBadRequest})
	}},
	{"add_subscription", "a subscription is made, found, changed and deleted", func(r *Run) {
		key := "registry.example/" + unique() + ":1"
		var list []wire.Subscription
		r.Call("add_subscription", Options{Body: map[string]any{"subscription_key": key, "subscription_type": "vuln_update"}}).JSON(&list)
		if len(list) != 1 || list[0].Key != key || list[0].Type != "vuln_update" || list[0].ID == "" {
			r.Failf("it was made as %+v", list)
			return
		}
		path := map[string]string{"subscription_id": list[0].ID}
		r.Call("add_subscription", Options{Body: map[string]any{"subscription_key": key, "subscription_type": "vuln_update"}, Expect: http.StatusBadRequest})
		r.Call("update_subscription", Options{Path: path, Body: map[string]any{"active": true, "subscription_value": "v"}}).JSON(&list)
		for _, check := range []func() *Answer{
			func() *Answer { return r.Call("get_subscription", Options{Path: path}) },
			func() *Answer {
				return r.Call("list_subscriptions", Options{Query: url.Values{"subscription_key": {key}}})
			},
			func() *Answer {
				return r.Call("list_subscriptions", Options{Query: url.Values{"subscription_key": {key}, "subscription_type": {"vuln_update"}}})
			},
		} {
			check().JSON(&list)
			if len(list) != 1 || !list[0].Active || list[0].Value == nil || *list[0].Value != "v" || list[0].ID != path["subscription_id"] {
				r.Failf("it is %+v", list)
			}
		}
		r.Call("list_subscriptions", Options{Query: url.Values{"subscription_key": {key}, "subscription_type": {"tag_update"}}}).JSON(&list)
		if len(list) != 0 {
			r.Failf("of another type there is %+v", list)
		}
		r.Call("update_subscription", Options{Path: path, Body: map[string]any{"active": "x"}, Expect: http.StatusBadRequest})
		r.Call("delete_subscription", Options{Path: path, Expect: http.StatusNoContent})
		r.Call("delete_subscription", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("get_subscription", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("update_subscription", Options{Path: path, Body: map[string]any{"active": true}, Expect: http.StatusNotFound})
	}},
	{"add_subscription", "what is no subscription is refused", func(r *Run) {
		for _, body := range []any{
			map[string]any{"subscription_key": "a.example/b:1", "subscription_type": "none"}, map[string]any{"subscription_type": "vuln_update"},
			map[string]any{"subscription_key": 1, "subscription_type": "vuln_update"}, "[]", "{", "",
		} {
			r.Call("add_subscription", Options{Body: body, Expect: http.StatusBadRequest})
		}
	}},
	{"list_events", "nobody is told anything without a password", func(r *Run) {
		unsigned(r, "list_event_types", "list_events", "delete_events", "get_event", "delete_event",
			"list_subscriptions", "add_subscription", "get_subscription", "update_subscription", "delete_subscription")
	}},
	{"list_events", "nobody acts for an account that is not his", func(r *Run) {
		forbidden(r, "list_event_types", "list_events", "delete_events", "get_event", "delete_event",
			"list_subscriptions", "add_subscription", "get_subscription", "update_subscription", "delete_subscription")
	}},
}

// unsigned asks for operations without a password.
func unsigned(r *Run, ops ...string) {
	for _, op := range ops {
		path := map[string]string{}
		for _, name := range []string{"event_id", "subscription_id", "registry"} {
			path[name] = "none"
		}
		r.Call(op, Options{Path: path, Nobody: true, Expect: http.StatusUnauthorized})
	}
}

// unique is a name that nothing has yet.
func unique() string {
	var b [8]byte
	rand.Read(b[:])
	return "conformance-" + hex.EncodeToString(b[:])
}

// closedPort is a registry that nobody finds.
const closedPort = "127.0.0.1:1"

// lookupFails adds an image that cannot be looked up, and gives its name.
func (r *Run) lookupFails() string {
	name := closedPort + "/" + unique() + ":1"
	a := r.Call("add_image", Options{Body: map[string]any{"source": map[string]any{"tag": map[string]any{"pull_string": name}}}, Expect: http.StatusBadRequest})
	if !strings.Contains(string(a.Body), "REGISTRY_") {
		r.Failf("the answer names no error code: %s", a.Body)
	}
	return name
}
