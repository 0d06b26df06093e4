package main

import (
	"net/http"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// somePath gives an operation's path parameters values that nothing has.
func somePath(o *openapi.Operation) map[string]string {
	values := map[string]string{}
	for _, name := range o.PathParameters() {
		values[name] = "none"
		switch name {
		case "image_digest":
			values[name] = "sha256:" + strings.Repeat("0", 64)
		case "vuln_type":
			values[name] = "all"
		}
	}
	return values
}

// sweepCases ask every operation what nobody may.
var sweepCases = []Case{
	{"*", "every operation but the open ones asks for a password", func(r *Run) {
		for _, o := range r.document.Operations() {
			if o.Permission == openapi.Open {
				continue
			}
			a := r.Call(o.ID, Options{Path: somePath(o), Nobody: true, Expect: http.StatusUnauthorized})
			if string(a.Body) != "Unauthorized" {
				r.Failf("%s: %.100q", o.ID, a.Body)
			}
		}
	}},
	{"*", "every operation says that an account is not there", func(r *Run) {
		header := http.Header{"X-Anchore-Account": {"none-" + unique()}}
		for _, o := range r.document.Operations() {
			if o.Permission != openapi.Open {
				r.Call(o.ID, Options{Path: somePath(o), Header: header, Expect: http.StatusNotFound})
			}
		}
	}},
	{"*", "nobody acts for an account in which he has no role, and nobody as more than his role", func(r *Run) {
		account, user := newAccount(r)
		defer discard(r, account)
		role := map[string]string{"role_name": wire.RoleRead}
		r.Call("add_role_user", Options{Path: role, Body: map[string]any{"username": user, "domain_name": account}})
		for _, o := range r.document.Operations() {
			ask := Options{Path: somePath(o), User: user, Pass: accountPassword, Expect: http.StatusForbidden}
			switch o.Permission {
			case openapi.Open:
				continue
			case openapi.Self, openapi.Read:
				ask.Header = http.Header{"X-Anchore-Account": {"admin"}}
			}
			r.Call(o.ID, ask)
		}
	}},
}

// unseen are the statuses that an operation lists and no case brought about. Those
// that tell of the server's own trouble, 500 and 503, a client cannot bring about, nor
// a 400 where nothing of a request can be wrong, nor a 415 where its type is not
// looked at.
func unseen(d *openapi.Document, seen map[string]map[int]bool) (list []string) {
	for _, o := range d.Operations() {
		for _, code := range o.Codes() {
			n := 0
			for _, c := range code {
				n = n*10 + int(c-'0')
			}
			if n == http.StatusBadRequest && !o.Fallible() || n == http.StatusUnsupportedMediaType && o.Body != openapi.Stream {
				continue
			}
			if n != http.StatusInternalServerError && n != http.StatusServiceUnavailable && !seen[o.ID][n] {
				list = append(list, o.ID+" "+code)
			}
		}
	}
	return list
}

// Why some statuses cannot be brought about by a client that asks.
const (
	needsDatabase = "needs a vulnerability database: -vulndb FILE"
	needsDownload = "has the server download a database, or needs one that does so at the moment"
	notRefused    = "open to everybody; the published description lists it"
	notSwitched   = "the one database cannot be switched off or deleted"
)

// excuses are the statuses that need not be seen, and why.
var excuses = map[string]string{
	"health_check 403": notRefused, "get_oauth_token 403": notRefused,
	"get_system_feed 200": needsDatabase, "upload_system_feed 202": needsDatabase,
	"get_vulnerability_database 200": needsDatabase, "import_vulnerability_database 200": needsDatabase,
	"post_system_feeds 200": needsDownload, "post_system_feeds 409": needsDownload, "import_vulnerability_database 409": needsDownload,
	"update_vulnerability_database 200": needsDownload, "update_vulnerability_database 409": needsDownload,
	"upload_system_feed 415": "of a server that was built without a database", "import_vulnerability_database 415": "of a server that was built without a database",
	"delete_feed 200": notSwitched, "toggle_feed_enabled 200": notSwitched,
	"delete_service 200": "only a service that ended and is listed still can be deleted",
}
