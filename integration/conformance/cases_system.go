package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

var systemCases = []Case{
	{"ping", "the root answers with the API's version", func(r *Run) {
		var version string
		if r.Call("ping", Options{}).JSON(&version); version != "v2" {
			r.Failf("it answers %q", version)
		}
		a := r.Call("ping", Options{Nobody: true, Expect: http.StatusUnauthorized})
		if string(a.Body) != "Unauthorized" || !strings.Contains(a.Header.Get("WWW-Authenticate"), "basic realm=") {
			r.Failf("who has no password is told %q, %q", a.Body, a.Header.Get("WWW-Authenticate"))
		}
	}},
	{"version_check", "health and versions are told without a password", func(r *Run) {
		r.Call("health_check", Options{Nobody: true})
		r.send("GET", "/health", Options{Nobody: true})
		var v wire.Version
		if r.Call("version_check", Options{Nobody: true}).JSON(&v); v.API.Version != "2" {
			r.Failf("the API's version is %q", v.API.Version)
		}
	}},
	{"list_services", "services are listed by name and host, and found under both", func(r *Run) {
		var status wire.Status
		if r.Call("get_status", Options{}).JSON(&status); !status.Up || !status.Available {
			r.Failf("the status is %+v", status)
		}
		r.Call("get_service_detail", Options{})
		var list []wire.Service
		if r.Call("list_services", Options{}).JSON(&list); len(list) == 0 {
			r.Failf("there are no services")
			return
		}
		one := map[string]string{"service_name": list[0].Name, "host_id": list[0].Host}
		r.Call("get_services_by_name", Options{Path: one})
		r.Call("get_services_by_name_and_host", Options{Path: one})
		r.Call("delete_service", Options{Path: one, Expect: http.StatusBadRequest})
		none := map[string]string{"service_name": list[0].Name, "host_id": "none-" + unique()}
		r.Call("get_services_by_name_and_host", Options{Path: none, Expect: http.StatusNotFound})
		r.Call("delete_service", Options{Path: none, Expect: http.StatusNotFound})
		r.Call("get_services_by_name", Options{Path: map[string]string{"service_name": "none-" + unique()}, Expect: http.StatusNotFound})
	}},
	{"describe_error_codes", "the error codes have names and descriptions", func(r *Run) {
		var list []wire.ErrorCode
		if r.Call("describe_error_codes", Options{}).JSON(&list); len(list) == 0 || list[0].Name == "" || list[0].Description == "" {
			r.Failf("%+v", list)
		}
	}},
	{"get_system_feeds", "feeds are listed; what is no feed is refused", func(r *Run) {
		r.Call("get_system_feeds", Options{})
		version := url.Values{"version": {"none"}}
		r.Call("get_system_feed", Options{Path: map[string]string{"feed": "vulnerability_db"}, Query: version, Expect: http.StatusNotFound})
		r.Call("get_system_feed", Options{Path: map[string]string{"feed": "cakes"}, Query: version, Expect: http.StatusBadRequest})
		upload := url.Values{"version": {"1"}, "built": {"2026-01-01T00:00:00Z"}, "checksum": {strings.Repeat("0", 64)}}
		for _, feed := range []string{"cakes", "kev_db", "vulnerability_db"} {
			r.Call("upload_system_feed", Options{Path: map[string]string{"feed": feed}, Query: upload, Body: "no form", Expect: http.StatusBadRequest})
		}
		r.Call("toggle_feed_enabled", Options{Path: map[string]string{"feed": "vulnerabilities"}, Query: url.Values{"enabled": {"false"}}, Expect: http.StatusNotImplemented})
		r.Call("delete_feed", Options{Path: map[string]string{"feed": "vulnerabilities"}, Expect: http.StatusNotImplemented})
	}},
	{"get_openapi", "the description is served", func(r *Run) {
		var d struct {
			OpenAPI string `json:"openapi"`
			Paths   map[string]any
		}
		if r.Call("get_openapi", Options{Nobody: true}).JSON(&d); !strings.HasPrefix(d.OpenAPI, "3.0") || len(d.Paths) < 60 {
			r.Failf("it is of version %q with %d paths", d.OpenAPI, len(d.Paths))
		}
		a := r.send("GET", "/v2/nothing-of-this-name", Options{Expect: http.StatusNotFound})
		var e wire.Error
		if a.JSON(&e); e.Code != http.StatusNotFound || e.Message == "" {
			r.Failf("what is nothing is answered with %+v", e)
		}
	}},
}
