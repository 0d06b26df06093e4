package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"github.com/tidepole/tidepole/formats/report"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	{"list_workers", "there are processes that work, and one of them answers", func(r *Run) {
		var list []wire.Worker
		r.Call("list_workers", Options{}).JSON(&list)
		for _, w := range list {
			if w.Up && w.Name != "" && w.Capacity > 0 {
				return
			}
		}
		r.Failf("none is up: %+v", list)
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
	{"get_readiness", "a server that answers is ready", func(r *Run) {
		r.Call("get_readiness", Options{Nobody: true})
		r.Call("get_readiness", Options{Nobody: true, Query: url.Values{"strict": {"perhaps"}}, Expect: http.StatusBadRequest})
	}},
	{"import_vulnerability_database", "what is no vulnerability database is refused", func(r *Run) {
		r.Call("import_vulnerability_database", Options{Query: url.Values{"name": {"x.tar.gz"}}, Body: "no archive", Expect: http.StatusBadRequest})
		r.Call("post_system_feeds", Options{Query: url.Values{"force_sync": {"perhaps"}}, Expect: http.StatusBadRequest})
		r.Call("toggle_feed_enabled", Options{Path: map[string]string{"feed": "cakes"}, Query: url.Values{"enabled": {"true"}}, Expect: http.StatusBadRequest})
	}},
	{"upload_system_feed", "a vulnerability database is uploaded, and told of", func(r *Run) {
		if r.database == "" {
			r.Skip("no database is given: -vulndb FILE")
			return
		}
		archive, err := os.ReadFile(r.database)
		if err != nil {
			r.Failf("%v", err)
			return
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		if w, err := form.CreateFormFile("file", filepath.Base(r.database)); err == nil {
			_, _ = w.Write(archive) // into memory
		}
		_ = form.Close()
		sum := sha256.Sum256(archive)
		feed := map[string]string{"feed": "vulnerability_db"}
		r.Call("upload_system_feed", Options{
			Path: feed, Header: http.Header{"Content-Type": {form.FormDataContentType()}}, Body: body.Bytes(), Expect: http.StatusAccepted,
			Query: url.Values{"version": {"6"}, "built": {"2026-01-01T00:00:00Z"}, "checksum": {hex.EncodeToString(sum[:])}},
		})
		var d report.Database
		if r.Call("get_vulnerability_database", Options{}).JSON(&d); !d.Present {
			r.Failf("the database is not there: %+v", d)
		}
		r.Call("get_system_feed", Options{Path: feed, Query: url.Values{"version": {d.SchemaVersion}}})
		r.Call("import_vulnerability_database", Options{Query: url.Values{"name": {filepath.Base(r.database)}}, Body: archive})
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
