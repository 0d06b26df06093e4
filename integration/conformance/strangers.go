package main

import "net/http"

const strangerPassword = "the-password-of-a-stranger"

// stranger makes an account with a user, both of one name, and gives the name; ""
// where the server has no accounts. gone deletes them.
func (r *Run) stranger() (name string, gone func()) {
	name, failed := unique(), len(r.failures)
	a := r.Call("create_account", Options{Body: map[string]any{"name": name, "email": "a@example.com"}, NoCheck: true})
	if a.Code == http.StatusNotImplemented || a.Code == http.StatusNotFound {
		r.failures = r.failures[:failed]
		r.Skip("this server has no accounts but the first")
		return "", nil
	}
	path := map[string]string{"account_name": name}
	r.Call("create_user", Options{Path: path, Body: map[string]any{"username": name, "password": strangerPassword}})
	return name, func() {
		r.Call("update_account_state", Options{Path: path, Body: map[string]any{"state": "disabled"}})
		r.Call("delete_account", Options{Path: path})
	}
}

// forbidden asks for operations in an account that the user does not belong to.
func forbidden(r *Run, ops ...string) {
	name, gone := r.stranger()
	if gone == nil {
		return
	}
	defer gone()
	for _, op := range ops {
		path := map[string]string{}
		for _, parameter := range []string{"event_id", "subscription_id", "registry"} {
			path[parameter] = "none"
		}
		r.Call(op, Options{
			Path: path, Header: http.Header{"X-Anchore-Account": {"admin"}}, User: name, Pass: strangerPassword, Expect: http.StatusForbidden,
		})
	}
}
