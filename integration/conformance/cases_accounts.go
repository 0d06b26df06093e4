package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
)

const accountPassword = "of-a-user-of-the-suite"

// newAccount makes an account with a user of full control, and gives both names. The
// account is deleted by discard.
func newAccount(r *Run) (account, user string) {
	account = unique()
	user = "user-" + account
	r.Call("create_account", Options{Body: map[string]any{"name": account, "email": "x@example.com"}})
	r.Call("create_user", Options{Path: in(account), Body: map[string]any{"username": user, "password": accountPassword}})
	r.Call("add_role_user", Options{
		Path: map[string]string{"role_name": wire.RoleAdmin}, Body: map[string]any{"username": user, "domain_name": account},
	})
	return account, user
}

func discard(r *Run, account string) {
	r.Call("update_account_state", Options{Path: in(account), Body: map[string]any{"state": "disabled"}})
	r.Call("delete_account", Options{Path: in(account), Expect: http.StatusNoContent})
}

func in(account string) map[string]string { return map[string]string{"account_name": account} }

func of(account, user string) map[string]string {
	return map[string]string{"account_name": account, "username": user}
}

var accountsCases = []Case{
	{"create_account", "an account is made, found, changed, disabled and deleted", func(r *Run) {
		name := unique()
		var a wire.Account
		r.Call("create_account", Options{Body: map[string]any{"name": name}}).JSON(&a)
		if a.Name != name || a.State != wire.AccountEnabled {
			r.Failf("it is made as %+v", a)
		}
		r.Call("create_account", Options{Body: map[string]any{"name": name}, Expect: http.StatusConflict})
		r.Call("create_account", Options{Body: map[string]any{"name": "/"}, Expect: http.StatusBadRequest})
		r.Call("get_account", Options{Path: in(name)})
		r.Call("get_account", Options{Path: in("none-" + name), Expect: http.StatusNotFound})
		r.Call("update_account", Options{Path: in(name), Body: map[string]any{"email": "y@example.com"}}).JSON(&a)
		if a.Email != "y@example.com" {
			r.Failf("its address is %q", a.Email)
		}
		r.Call("update_account", Options{Path: in("none-" + name), Body: map[string]any{}, Expect: http.StatusNotFound})
		r.Call("update_account", Options{Path: in(name), Body: map[string]any{"email": 1}, Expect: http.StatusBadRequest})
		r.Call("delete_account", Options{Path: in(name), Expect: http.StatusBadRequest})
		r.Call("update_account_state", Options{Path: in(name), Body: map[string]any{"state": "gone"}, Expect: http.StatusBadRequest})
		r.Call("update_account_state", Options{Path: in("none-" + name), Body: map[string]any{"state": "disabled"}, Expect: http.StatusNotFound})
		discard(r, name)
		r.Call("delete_account", Options{Path: in("none-" + name), Expect: http.StatusNotFound})
		var list []wire.Account
		r.Call("list_accounts", Options{}).JSON(&list)
		r.Call("list_accounts", Options{Query: url.Values{"state": {"lost"}}, Expect: http.StatusBadRequest})
		if len(list) == 0 {
			r.Failf("there are no accounts")
		}
		r.Call("get_users_account", Options{}).JSON(&a)
		r.Call("list_accounts", Options{Nobody: true, Expect: http.StatusUnauthorized})
	}},
	{"create_user", "a user is made, found and deleted; nothing tells his password", func(r *Run) {
		account, user := newAccount(r)
		defer discard(r, account)
		text := ""
		for _, a := range []*Answer{
			r.Call("list_users", Options{Path: in(account)}),
			r.Call("list_users_with_roles", Options{Path: in(account)}),
			r.Call("get_account_user", Options{Path: of(account, user)}),
			r.Call("list_user_credentials", Options{Path: of(account, user)}),
			r.Call("list_all_system_users", Options{}),
			r.Call("get_user", Options{User: user, Pass: accountPassword}),
			r.Call("get_credentials", Options{User: user, Pass: accountPassword}),
			r.Call("create_user_credential", Options{Path: of(account, user), Body: map[string]any{"type": "password", "value": accountPassword + "2"}}),
			r.Call("add_credential", Options{User: user, Pass: accountPassword + "2", Body: map[string]any{"type": "password", "value": accountPassword}}),
		} {
			text += string(a.Body)
		}
		if strings.Contains(text, accountPassword) || !strings.Contains(text, user) {
			r.Failf("the answers are %.500s", text)
		}
		r.Call("create_user", Options{Path: in(account), Body: map[string]any{"username": user, "password": accountPassword}, Expect: http.StatusConflict})
		r.Call("create_user", Options{Path: in(account), Body: map[string]any{"username": user + "2", "password": "short"}, Expect: http.StatusBadRequest})
		r.Call("create_user", Options{Path: in("none-" + account), Body: map[string]any{"username": user, "password": accountPassword}, Expect: http.StatusNotFound})
		r.Call("add_credential", Options{User: user, Pass: accountPassword, Body: map[string]any{"type": "password", "value": "x"}, Expect: http.StatusBadRequest})
		r.Call("create_user_credential", Options{Path: of(account, user), Body: map[string]any{"type": "password", "value": "short"}, Expect: http.StatusBadRequest})
		r.Call("create_user_credential", Options{Path: of(account, "nobody"), Body: map[string]any{"type": "password", "value": accountPassword}, Expect: http.StatusNotFound})
		r.Call("list_user_credentials", Options{Path: of(account, "nobody"), Expect: http.StatusNotFound})
		r.Call("get_account_user", Options{Path: of(account, "nobody"), Expect: http.StatusNotFound})
		r.Call("delete_user", Options{Path: of(account, "nobody"), Expect: http.StatusNotFound})
		r.Call("list_users", Options{Path: in("none-" + account), Expect: http.StatusNotFound})
		r.Call("list_users_with_roles", Options{Path: in("none-" + account), Expect: http.StatusNotFound})
		r.Call("delete_user", Options{Path: of(account, user), User: user, Pass: accountPassword, Expect: http.StatusBadRequest})
		r.Call("delete_user_credential", Options{Path: of(account, user), Expect: http.StatusBadRequest})
		r.Call("delete_user_credential", Options{Path: of(account, user), Query: url.Values{"credential_type": {"password"}}, Expect: http.StatusNoContent})
		r.Call("get_user", Options{User: user, Pass: accountPassword, Expect: http.StatusUnauthorized})
		r.Call("delete_user", Options{Path: of(account, user), Expect: http.StatusNoContent})
	}},
	{"create_api_key", "a key is shown once, acts as its user, and is revoked for good", func(r *Run) {
		account, user := newAccount(r)
		defer discard(r, account)
		self := Options{User: user, Pass: accountPassword}
		ask := func(op string, name string, body any, expect int) *Answer {
			o := self
			o.Body, o.Expect = body, expect
			if name != "" {
				o.Path = map[string]string{"key_name": name}
			}
			return r.Call(op, o)
		}
		later := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z")
		var k wire.APIKey
		ask("create_api_key", "", map[string]any{"name": "ci", "expires_at": later}, http.StatusCreated).JSON(&k)
		r.Call("get_user", Options{User: wire.KeyUser, Pass: k.Value})
		if text := string(ask("list_api_keys", "", nil, 0).Body) + string(ask("get_api_key", "ci", nil, 0).Body); k.Value == "" || strings.Contains(text, k.Value) {
			r.Failf("the key is %q, and shown again as %s", k.Value, text)
		}
		ask("create_api_key", "", map[string]any{"name": "ci", "expires_at": later}, http.StatusBadRequest)
		ask("get_api_key", "none", nil, http.StatusNotFound)
		ask("patch_api_key", "none", map[string]any{"description": "x"}, http.StatusNotFound)
		ask("patch_api_key", "ci", map[string]any{}, http.StatusBadRequest)
		ask("delete_api_key", "none", nil, http.StatusNotFound)
		ask("patch_api_key", "ci", map[string]any{"status": "revoked"}, 0)
		r.Call("get_user", Options{User: wire.KeyUser, Pass: k.Value, Expect: http.StatusUnauthorized})
		ask("delete_api_key", "ci", nil, http.StatusNoContent)
		path := of(account, user)
		r.Call("create_user_api_key", Options{Path: path, Body: map[string]any{"name": "other", "expires_at": later}, Expect: http.StatusCreated})
		r.Call("create_user_api_key", Options{Path: path, Body: map[string]any{"name": "other"}, Expect: http.StatusBadRequest})
		r.Call("create_user_api_key", Options{Path: of(account, "nobody"), Body: map[string]any{"name": "other", "expires_at": later}, Expect: http.StatusNotFound})
		r.Call("list_user_api_keys", Options{Path: path})
		r.Call("list_user_api_keys", Options{Path: of(account, "nobody"), Expect: http.StatusNotFound})
		path["key_name"] = "other"
		r.Call("get_user_api_key", Options{Path: path})
		r.Call("patch_user_api_key", Options{Path: path, Body: map[string]any{"name": "another"}})
		r.Call("get_user_api_key", Options{Path: path, Expect: http.StatusNotFound})
		r.Call("patch_user_api_key", Options{Path: path, Body: map[string]any{"name": "x"}, Expect: http.StatusNotFound})
		r.Call("patch_user_api_key", Options{Path: path, Body: map[string]any{}, Expect: http.StatusBadRequest})
		r.Call("delete_user_api_key", Options{Path: path, Expect: http.StatusNotFound})
		path["key_name"] = "another"
		r.Call("delete_user_api_key", Options{Path: path, Expect: http.StatusNoContent})
	}},
	{"get_oauth_token", "a token is handed out for a password, refreshed once, and revoked", func(r *Run) {
		account, user := newAccount(r)
		defer discard(r, account)
		form := func(values url.Values) Options { return Options{Body: values.Encode(), Nobody: true} }
		var t, next wire.Token
		r.Call("get_oauth_token", form(url.Values{"grant_type": {"password"}, "username": {user}, "password": {accountPassword}})).JSON(&t)
		r.Call("get_oauth_token", Options{User: user, Pass: accountPassword})
		refresh := form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}})
		r.Call("get_oauth_token", refresh).JSON(&next)
		refresh.Expect = http.StatusUnauthorized
		r.Call("get_oauth_token", refresh)
		bad := form(url.Values{"grant_type": {"magic"}})
		bad.Expect = http.StatusBadRequest
		r.Call("get_oauth_token", bad)
		by := Options{Nobody: true, Header: http.Header{"Authorization": {"Bearer " + next.Access}}}
		r.Call("get_user", by)
		revoke := by
		revoke.Body = url.Values{"token": {next.Access}}.Encode()
		r.Call("revoke_oauth_token", revoke)
		r.Call("revoke_oauth_token", Options{Body: "%", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Expect: http.StatusBadRequest})
		by.Expect = http.StatusUnauthorized
		r.Call("get_user", by)
	}},
	{"add_role_user", "what a user may do follows from his role", func(r *Run) {
		account, user := newAccount(r)
		defer discard(r, account)
		member := map[string]any{"username": user, "domain_name": account}
		role := func(name string) map[string]string { return map[string]string{"role_name": name} }
		r.Call("list_roles", Options{})
		r.Call("my_roles", Options{User: user, Pass: accountPassword})
		r.Call("get_role", Options{Path: role(wire.RoleRead)})
		r.Call("get_role", Options{Path: role("none"), Expect: http.StatusNotFound})
		r.Call("add_role_user", Options{Path: role(wire.RoleRead), Body: member})
		r.Call("add_role_user", Options{Path: role("none"), Body: member, Expect: http.StatusNotFound})
		r.Call("add_role_user", Options{Path: role(wire.RoleRead), Body: map[string]any{}, Expect: http.StatusBadRequest})
		r.Call("list_role_members", Options{Path: role(wire.RoleRead), Query: url.Values{"domain_name": {account}}})
		r.Call("list_role_members", Options{Path: role("none"), Expect: http.StatusNotFound})
		r.Call("list_user_roles", Options{Path: map[string]string{"username": user}})
		r.Call("list_user_roles", Options{Path: map[string]string{"username": "nobody-" + user}, Expect: http.StatusNotFound})
		reader := Options{User: user, Pass: accountPassword, Path: in(account), Expect: http.StatusForbidden}
		for _, op := range []string{"list_users", "list_users_with_roles", "list_accounts", "list_all_system_users", "list_roles"} {
			r.Call(op, reader)
		}
		r.Call("create_operation", Options{User: user, Pass: accountPassword, Expect: http.StatusForbidden})
		gone := Options{Path: role(wire.RoleRead), Query: url.Values{"username": {user}, "domain_name": {account}}, Expect: http.StatusNoContent}
		r.Call("delete_role_user", gone)
		gone.Expect = http.StatusNotFound
		r.Call("delete_role_user", gone)
		r.Call("delete_role_user", Options{Path: gone.Path, Expect: http.StatusBadRequest}) // of nobody
	}},
}
