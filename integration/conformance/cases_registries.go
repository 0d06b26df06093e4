package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

const registryPassword = "the-password-of-a-registry"

var unasked = url.Values{"validate": {"false"}}

var registriesCases = []Case{
	{"create_registry", "a login is kept, changed and deleted, and its password told to nobody", func(r *Run) {
		host := unique() + ".example:5000"
		registry := host + "/team/*"
		body := map[string]any{
			"registry": registry, "registry_name": "name", "registry_user": "user", "registry_pass": registryPassword,
			"registry_type": "docker_v2", "registry_verify": true,
		}
		var list []wire.Registry
		text := ""
		see := func(a *Answer) {
			list = nil
			a.JSON(&list)
			text += string(a.Body)
		}
		see(r.Call("create_registry", Options{Query: unasked, Body: body}))
		path := map[string]string{"registry": registry}
		for _, name := range []string{"name", "other"} {
			if len(list) != 1 || list[0].Registry != registry || list[0].Name != name || list[0].User != "user" || list[0].Type != "docker_v2" {
				r.Failf("it is kept as %+v", list)
			}
			see(r.Call("get_registry", Options{Path: path}))
			if name == "name" {
				see(r.Call("update_registry", Options{Path: path, Query: unasked, Body: map[string]any{"registry": registry, "registry_name": "other"}}))
			}
		}
		see(r.Call("list_registries", Options{}))
		found := false
		for _, g := range list {
			found = found || g.Registry == registry
		}
		if !found {
			r.Failf("it is not in the list")
		}
		r.Call("create_registry", Options{Query: unasked, Body: body, Expect: http.StatusBadRequest})
		r.Call("update_registry", Options{Path: path, Query: unasked, Body: map[string]any{"registry_verify": "x"}, Expect: http.StatusBadRequest})
		r.Call("delete_registry", Options{Path: path, Expect: http.StatusNoContent})
		r.Call("delete_registry", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("get_registry", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("update_registry", Options{Path: path, Query: unasked, Body: map[string]any{}, Expect: http.StatusNotFound})
		if strings.Contains(text, registryPassword) {
			r.Failf("an answer tells the password")
		}
	}},
	{"create_registry", "a registry that does not take the login is not kept", func(r *Run) {
		body := map[string]any{"registry": closedPort, "registry_user": "user", "registry_pass": registryPassword, "registry_type": "docker_v2"}
		a := r.Call("create_registry", Options{Query: url.Values{"validate": {"true"}}, Body: body, Expect: http.StatusNotAcceptable})
		if strings.Contains(string(a.Body), registryPassword) {
			r.Failf("the refusal tells the password")
		}
		path := map[string]string{"registry": closedPort}
		r.Call("get_registry", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("create_registry", Options{Query: unasked, Body: body})
		r.Call("update_registry", Options{Path: path, Query: url.Values{"validate": {"true"}}, Body: map[string]any{"registry_name": "x"}, Expect: http.StatusNotAcceptable})
		r.Call("delete_registry", Options{Path: path, Expect: http.StatusNoContent})
	}},
	{"create_registry", "what is no registry is refused", func(r *Run) {
		for _, body := range []any{
			map[string]any{"registry": "https://a.example"}, map[string]any{"registry": 1}, map[string]any{"registry": "a.example", "registry_type": "none"},
			map[string]any{}, "[]", "{", "",
		} {
			r.Call("create_registry", Options{Query: unasked, Body: body, Expect: http.StatusBadRequest})
		}
		r.Call("create_registry", Options{Query: url.Values{"validate": {"x"}}, Body: map[string]any{"registry": "a.example"}, Expect: http.StatusBadRequest})
	}},
	{"add_repository", "a repository whose registry nobody finds is refused, and that is an event", func(r *Run) {
		name := closedPort + "/" + unique()
		r.Call("add_repository", Options{Query: url.Values{"repository": {name}, "dry_run": {"true"}}, Expect: http.StatusBadRequest})
		var page wire.Events
		r.Call("list_events", Options{Query: url.Values{"resource_id": {name}}}).JSON(&page)
		if len(page.Results) != 1 || page.Results[0].Event.Type != wire.EventListTagsFailed {
			r.Failf("the events are %+v", page)
		}
		r.Call("add_repository", Options{Expect: http.StatusBadRequest})
		r.Call("add_repository", Options{Query: url.Values{"repository": {name + ":tag"}}, Expect: http.StatusBadRequest})
	}},
	{"add_repository", "a repository's tags are listed with the login that is kept", func(r *Run) {
		host, stop := r.registry()
		if stop == nil {
			return
		}
		defer stop()
		repository := host + "/" + unique()
		r.push(repository + ":1")
		r.push(repository + ":2")
		body := map[string]any{"registry": host, "registry_user": registryUser, "registry_pass": "wrong", "registry_type": "docker_v2", "registry_verify": false}
		r.Call("create_registry", Options{Body: body, Expect: http.StatusNotAcceptable})
		body["registry_pass"] = registryPassword
		r.Call("create_registry", Options{Body: body})
		path := map[string]string{"registry": host}
		r.Call("update_registry", Options{Path: path, Body: map[string]any{"registry_name": "x"}})
		var list []wire.Subscription
		r.Call("add_repository", Options{Query: url.Values{"repository": {repository}, "dry_run": {"true"}}}).JSON(&list)
		if len(list) != 1 || list[0].Active || list[0].Value == nil || !strings.Contains(*list[0].Value, `"tagcount":2`) && !strings.Contains(*list[0].Value, `"tagcount": 2`) {
			r.Failf("a dry run answers %+v", list)
		}
		r.Call("add_repository", Options{Query: url.Values{"repository": {repository}, "exclude_existing_tags": {"true"}}}).JSON(&list)
		if len(list) != 1 || !list[0].Active || list[0].Key != repository || list[0].Type != "repo_update" {
			r.Failf("it was added as %+v", list)
			return
		}
		r.Call("delete_subscription", Options{Path: map[string]string{"subscription_id": list[0].ID}, Expect: http.StatusNoContent})
		r.Call("delete_registry", Options{Path: path, Expect: http.StatusNoContent})
	}},
	{"list_registries", "nobody is told anything without a password", func(r *Run) {
		unsigned(r, "list_registries", "create_registry", "get_registry", "update_registry", "delete_registry", "add_repository")
	}},
	{"list_registries", "nobody acts for an account that is not his", func(r *Run) {
		forbidden(r, "list_registries", "create_registry", "get_registry", "update_registry", "delete_registry", "add_repository")
	}},
}
