package importserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/store"
)

// basic signs a request as a user.
func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// status is what a request of somebody's is answered with.
func (r *running) status(method, path, body string, sign func(*http.Request)) int {
	r.t.Helper()
	resp, _ := r.request(method, path, strings.NewReader(body), sign)
	return resp.StatusCode
}

// population makes accounts, each with a user of its name and of full control there.
func (r *running) population(names ...string) {
	r.t.Helper()
	for _, name := range names {
		r.call("POST", "/v2/accounts", `{"name":"`+name+`","email":"x@example.com"}`, nil)
		r.call("POST", "/v2/accounts/"+name+"/users", `{"username":"user-`+name+`","password":"`+userPassword+`"}`, nil)
		r.call("POST", "/v2/rbac-manager/roles/full-control/members", `{"username":"user-`+name+`","domain_name":"`+name+`"}`, nil)
	}
}

const userPassword = "of a user"

func TestAccountsAndUsers(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one")
	one := basic("user-one", userPassword)
	var account wire.Account
	r.call("GET", "/v2/accounts/one", "", &account)
	if account.Name != "one" || account.Type != "user" || account.State != "enabled" || account.Email != "x@example.com" {
		t.Errorf("account: %+v", account)
	}
	if resp, text := r.request("GET", "/v2/user", nil, one); resp.StatusCode != 200 || !strings.Contains(text, `"account_name":"one"`) || strings.Contains(text, "argon2") {
		t.Errorf("whoever is signed in: %d %s", resp.StatusCode, text)
	}
	if resp, text := r.request("GET", "/v2/policies", nil, one); resp.StatusCode != 200 || !strings.Contains(text, `"active":true`) {
		t.Errorf("policies of a new account: %d %s", resp.StatusCode, text)
	}
	for name, test := range map[string]struct {
		method, path, body string
		sign               func(*http.Request)
		code               int
	}{
		"account twice":              {"POST", "/v2/accounts", `{"name":"one"}`, nil, 409},
		"account of no name":         {"POST", "/v2/accounts", `{"name":"/"}`, nil, 400},
		"user twice":                 {"POST", "/v2/accounts/one/users", `{"username":"user-one","password":"123456"}`, nil, 409},
		"user of no account":         {"POST", "/v2/accounts/none/users", `{"username":"user-two","password":"123456"}`, nil, 404},
		"short password":             {"POST", "/v2/accounts/one/users", `{"username":"user-two","password":"12345"}`, nil, 400},
		"long password":              {"POST", "/v2/accounts/one/users", `{"username":"user-two","password":"` + strings.Repeat("1", 129) + `"}`, nil, 400},
		"the name of keys":           {"POST", "/v2/accounts/one/users", `{"username":"_api_key","password":"123456"}`, nil, 400},
		"user from elsewhere":        {"POST", "/v2/accounts/one/users", `{"username":"user-two","user_type":"saml","idp_name":"x"}`, nil, 400},
		"admin disabled":             {"PUT", "/v2/accounts/admin/state", `{"state":"disabled"}`, nil, 400},
		"admin deleted":              {"DELETE", "/v2/accounts/admin", "", nil, 400},
		"admin without a password":   {"DELETE", "/v2/accounts/admin/users/admin/credentials?credential_type=password", "", nil, 400},
		"the last admin":             {"DELETE", "/v2/accounts/admin/users/admin", "", nil, 400},
		"an enabled account deleted": {"DELETE", "/v2/accounts/one", "", nil, 400},
		"accounts by another":        {"GET", "/v2/accounts", "", one, 403},
		"an account by another":      {"POST", "/v2/accounts", `{"name":"two"}`, one, 403},
		"himself":                    {"DELETE", "/v2/accounts/one/users/user-one", "", one, 400},
		"admin's users":              {"GET", "/v2/accounts/admin/users", "", one, 404},
		"role that is none":          {"POST", "/v2/rbac-manager/roles/king/members", `{"username":"user-one","domain_name":"one"}`, nil, 404},
		"role of nobody":             {"POST", "/v2/rbac-manager/roles/read-only/members", `{"username":"nobody","domain_name":"one"}`, nil, 404},
		"role that he has not":       {"DELETE", "/v2/rbac-manager/roles/read-only/members?username=user-one&domain_name=one", "", nil, 404},
		"no grant":                   {"POST", "/v2/oauth/token", "grant_type=magic", nil, 400},
	} {
		if code := r.status(test.method, test.path, test.body, test.sign); code != test.code {
			t.Errorf("%s: %d, want %d", name, code, test.code)
		}
	}
	var users wire.UserList
	r.call("GET", "/v2/accounts/one/users-with-roles", "", &users)
	if users.Total != 1 || len(users.Items[0].Roles) != 1 || users.Items[0].Roles[0].Role != "full-control" || users.Items[0].Roles[0].Granter != "admin" {
		t.Errorf("users with roles: %+v", users)
	}
	r.call("PUT", "/v2/accounts/one/state", `{"state":"disabled"}`, nil)
	if code := r.status("GET", "/v2/user", "", one); code != 401 {
		t.Errorf("a user of a disabled account: %d", code)
	}
	r.call("PUT", "/v2/accounts/one/state", `{"state":"enabled"}`, nil)
	if code := r.status("GET", "/v2/user", "", one); code != 200 {
		t.Errorf("once it is enabled again: %d", code)
	}
}

func TestRolesBoundWhatUsersMay(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one")
	one := basic("user-one", userPassword)
	asked := []struct{ method, path, body string }{
		{"GET", "/v2/images", ""}, {"POST", "/v2/imports/images", "{}"}, {"GET", "/v2/accounts/one/users", ""}, {"GET", "/v2/accounts", ""},
	}
	for role, want := range map[string][]int{
		"read-only": {200, 403, 403, 403}, "read-write": {200, 200, 403, 403}, "full-control": {200, 200, 200, 403},
	} {
		r.call("POST", "/v2/rbac-manager/roles/"+role+"/members", `{"username":"user-one","domain_name":"one"}`, nil)
		for n, a := range asked {
			if code := r.status(a.method, a.path, a.body, one); code != want[n] {
				t.Errorf("%s: %s %s: %d, want %d", role, a.method, a.path, code, want[n])
			}
		}
		resp, text := r.request("GET", "/v2/rbac-manager/my-roles", nil, one)
		if resp.StatusCode != 200 || !strings.Contains(text, `"name":"`+role+`"`) {
			t.Errorf("my roles: %s", text)
		}
		if code := r.status("DELETE", "/v2/rbac-manager/roles/"+role+"/members?username=user-one&for_account=one", "", nil); code != 204 {
			t.Errorf("%s taken away: %d", role, code)
		}
		if code := r.status("GET", "/v2/images", "", one); code != 403 {
			t.Errorf("without a role: %d", code)
		}
	}
}

func TestPasswordsKeysAndTokens(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one")
	one := basic("user-one", userPassword)
	var key wire.APIKey
	_, text := r.request("POST", "/v2/user/api-keys", strings.NewReader(`{"name":"ci","expires_at":"2999-01-01T00:00:00Z"}`), one)
	if err := json.Unmarshal([]byte(text), &key); err != nil || !strings.HasPrefix(key.Value, "tpk_") || key.Status != "active" {
		t.Fatalf("key: %s", text)
	}
	byKey := basic(wire.KeyUser, key.Value)
	for name, got := range map[string]int{
		"by the key":             r.status("GET", "/v2/images", "", byKey) - 200,
		"by a part of it":        r.status("GET", "/v2/images", "", basic(wire.KeyUser, key.Value[:len(key.Value)-1])) - 401,
		"by another secret":      r.status("GET", "/v2/images", "", basic(wire.KeyUser, key.Value[:21]+strings.Repeat("0", 64))) - 401,
		"by what is no key":      r.status("GET", "/v2/images", "", basic(wire.KeyUser, "x")) - 401,
		"the same name again":    r.status("POST", "/v2/user/api-keys", `{"name":"ci","expires_at":"2999-01-01T00:00:00Z"}`, one) - 400,
		"expired from the start": r.status("POST", "/v2/user/api-keys", `{"name":"old","expires_at":"2001-01-01T00:00:00Z"}`, one) - 400,
		"no key of that name":    r.status("GET", "/v2/user/api-keys/none", "", one) - 404,
	} {
		if got != 0 {
			t.Errorf("%s: off by %d", name, got)
		}
	}
	for _, path := range []string{"/v2/user/api-keys", "/v2/user/api-keys/ci", "/v2/accounts/one/users/user-one/api-keys"} {
		if _, text := r.request("GET", path, nil, one); strings.Contains(text, "tpk_") || !strings.Contains(text, `"name":"ci"`) {
			t.Errorf("%s: %s", path, text)
		}
	}
	if code := r.status("PATCH", "/v2/user/api-keys/ci", `{"status":"revoked"}`, one); code != 200 {
		t.Errorf("revoke: %d", code)
	}
	if code := r.status("GET", "/v2/images", "", byKey); code != 401 {
		t.Errorf("a revoked key: %d", code)
	}
	if code := r.status("DELETE", "/v2/user/api-keys/ci", "", one); code != 204 {
		t.Errorf("delete the key: %d", code)
	}

	form := url.Values{"grant_type": {"password"}, "username": {"user-one"}, "password": {userPassword}, "client_id": {"anonymous"}}.Encode()
	nobody := func(r *http.Request) { r.Header.Del("Authorization") }
	token := func(form string, sign func(*http.Request)) (t wire.Token, code int) {
		resp, text := r.request("POST", "/v2/oauth/token", strings.NewReader(form), sign)
		_ = json.Unmarshal([]byte(text), &t)
		return t, resp.StatusCode
	}
	first, code := token(form, nobody)
	if code != 200 || first.ExpiresIn != 3600 || r.status("GET", "/v2/images", "", bearer(first.Access)) != 200 {
		t.Errorf("token: %d %+v", code, first)
	}
	if byHead, code := token("", one); code != 200 || byHead.Access == first.Access {
		t.Errorf("token for the password of the head: %d %+v", code, byHead)
	}
	if _, code := token("grant_type=password&username=user-one&password=wrong", nobody); code != 401 {
		t.Errorf("token for a wrong password: %d", code)
	}
	refresh := "grant_type=refresh_token&refresh_token=" + first.Refresh
	second, code := token(refresh, nobody)
	if _, again := token(refresh, nobody); code != 200 || second.Access == "" || again != 401 {
		t.Errorf("refreshed: %d, again: %d", code, again)
	}
	if code := r.status("GET", "/v2/images", "", bearer(first.Refresh)); code != 401 {
		t.Errorf("by a refresh token: %d", code)
	}
	if code := r.status("POST", "/v2/oauth/revoke", "token="+second.Access, one); code != 200 {
		t.Errorf("revoke: %d", code)
	}
	if code := r.status("GET", "/v2/images", "", bearer(second.Access)); code != 401 {
		t.Errorf("by a revoked token: %d", code)
	}
	if code := r.status("POST", "/v2/user/credentials", `{"type":"password","value":"another one"}`, one); code != 200 {
		t.Errorf("set the password: %d", code)
	}
	for name, got := range map[string]int{
		"the old password":        r.status("GET", "/v2/images", "", one) - 401,
		"the new one":             r.status("GET", "/v2/images", "", basic("user-one", "another one")) - 200,
		"a token of the old one":  r.status("GET", "/v2/images", "", bearer(first.Access)) - 401,
		"password is taken away":  r.status("DELETE", "/v2/accounts/one/users/user-one/credentials?credential_type=password", "", nil) - 204,
		"without one, none works": 0,
	} {
		if got != 0 {
			t.Errorf("%s: off by %d", name, got)
		}
	}
	for _, plain := range []string{"", "another one"} {
		if code := r.status("GET", "/v2/images", "", basic("user-one", plain)); code != 401 {
			t.Errorf("password %q after it was taken away: %d", plain, code)
		}
	}
}

func TestUserOfAnEarlierNameIsAnother(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one")
	one := basic("user-one", userPassword)
	if code := r.status("GET", "/v2/user", "", one); code != 200 {
		t.Fatalf("at first: %d", code)
	}
	if code := r.status("DELETE", "/v2/accounts/one/users/user-one", "", nil); code != 204 {
		t.Fatalf("delete: %d", code)
	}
	r.call("POST", "/v2/accounts/one/users", `{"username":"user-one","password":"of somebody else"}`, nil)
	if code := r.status("GET", "/v2/user", "", one); code != 401 {
		t.Errorf("the earlier user's password: %d", code)
	}
	if code := r.status("GET", "/v2/user", "", basic("user-one", "of somebody else")); code != 200 {
		t.Errorf("his own: %d", code)
	}
}

func TestDeletedAccountLeavesNothing(t *testing.T) {
	o := options(t.TempDir())
	r := start(t, &engine{}, o)
	r.population("one")
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	if _, err := r.server.Account("one").Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.dropAccount("one")
	if code := r.status("GET", "/v2/user", "", basic("user-one", userPassword)); code != 401 {
		t.Errorf("its user: %d", code)
	}
	r.population("one")
	for _, path := range []string{"/v2/images", "/v2/subscriptions", "/v2/registries"} {
		_, text := r.request("GET", path, nil, func(r *http.Request) { r.Header.Set(wire.AccountHeader, "one") })
		if text = strings.TrimSpace(text); text != `{"items":[]}` && text != "[]" {
			t.Errorf("%s of an account of the same name: %s", path, text)
		}
	}
}

// dropAccount deletes an account and waits until it is gone.
func (r *running) dropAccount(name string) {
	r.t.Helper()
	path := "/v2/accounts/" + name
	r.call("PUT", path+"/state", `{"state":"disabled"}`, nil)
	if code := r.status("DELETE", path, "", nil); code != 204 {
		r.t.Fatalf("delete: %d", code)
	}
	if !eventually(func() bool { return r.status("GET", path, "", nil) == 404 }) {
		r.t.Fatalf("the account %s stays", name)
	}
}

// What was begun in an account that is deleted meanwhile does not end in the next
// one of its name.
func TestSlowRequestDoesNotOutliveItsAccount(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one")
	rest, body := io.Pipe()
	begun, once := make(chan struct{}), sync.Once{}
	trace := &httptrace.ClientTrace{Got100Continue: func() { once.Do(func() { close(begun) }) }}
	answered := make(chan int)
	go func() {
		resp, _ := r.request("POST", "/v2/policies", rest, func(q *http.Request) {
			*q = *q.WithContext(httptrace.WithClientTrace(q.Context(), trace))
			q.Header.Set("Expect", "100-continue")
			basic("user-one", userPassword)(q)
		})
		answered <- resp.StatusCode
	}()
	select {
	case <-begun: // he is signed in: his body is asked for
	case code := <-answered:
		t.Fatalf("answered %d without the body", code)
	}
	r.dropAccount("one")
	r.population("one")
	go func() { defer body.Close(); io.WriteString(body, toJSON(t, testPolicy("late"))) }()
	if code := <-answered; code != http.StatusForbidden {
		t.Errorf("answered %d", code)
	}
	policies, err := r.server.Account("one").Policies(t.Context(), false)
	if err != nil || slices.ContainsFunc(policies, func(p wire.PolicyRecord) bool { return p.ID == "late" }) {
		t.Errorf("policies of the new account: %+v, %v", policies, err)
	}
}

func TestNothingIsWrittenInAnAccountThatIsBeingDeleted(t *testing.T) {
	s := open(t, &engine{}, options(t.TempDir())) // nobody keeps its house
	admin, ctx := s.Account(importserver.Admin), t.Context()
	if _, err := admin.AddAccount(ctx, wire.AccountRequest{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.SetAccountState(ctx, "one", wire.AccountDisabled); err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteAccount(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	one := s.Account("one")
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	_, imported := one.Import(ctx, b, wire.AddOptions{})
	_, opened := one.OpenOperation(ctx)
	_, user := one.AddUser(ctx, wire.UserRequest{Username: "late", Password: userPassword})
	for what, err := range map[string]error{"import": imported, "operation": opened, "user": user} {
		if fault.Of(err) != fault.Forbidden || !strings.Contains(err.Error(), "is being deleted") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.AccountInfo(ctx, "one"); fault.Of(err) != fault.NotFound {
		t.Errorf("afterwards: %v", err)
	}
}

func TestGuessingIsSlow(t *testing.T) {
	o := options(t.TempDir())
	o.LoginDelay = 5 * time.Millisecond
	r := start(t, &engine{}, o)
	r.population("one")
	begun := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2 {
				if code := r.status("GET", "/v2/user", "", basic("user-one", "wrong")); code != 401 {
					t.Errorf("wrong password: %d", code)
				}
			}
		})
	}
	all.Wait()
	if took := time.Since(begun); took < 10*o.LoginDelay {
		t.Errorf("16 guesses, 8 at once, took %v", took)
	}
	if code := r.status("GET", "/v2/images", "", nil); code != 200 {
		t.Errorf("somebody else meanwhile: %d", code)
	}
	if code := r.status("GET", "/v2/user", "", basic("user-one", userPassword)); code != 200 {
		t.Errorf("the right password at last: %d", code)
	}
}

func TestPasswordsAreKeptAsHashes(t *testing.T) {
	o := options(t.TempDir())
	s := open(t, &engine{}, o)
	if _, err := s.Account(importserver.Admin).AddAccount(t.Context(), wire.AccountRequest{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	one := s.Account("one")
	if _, err := one.AddUser(t.Context(), wire.UserRequest{Username: "somebody", Password: "a-password-to-find"}); err != nil {
		t.Fatal(err)
	}
	key, err := one.AddKey(t.Context(), "somebody", wire.APIKey{Name: "k", ExpiresAt: "2999-01-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text := rowsOf(t, o.Dir)
	for _, secret := range []string{"a-password-to-find", key.Value, key.Value[21:]} {
		if strings.Contains(text, secret) {
			t.Errorf("the rows contain %q", secret)
		}
	}
	if n := strings.Count(text, "$argon2id$v=19$m=19456,t=2,p=1$"); n < 3 { // admin's, the one that the server was given, and somebody's
		t.Errorf("the rows contain %d Argon2id hashes", n)
	}
}

// The password of admin may be another one whenever the server starts: then, and only
// then, what was handed out for the old one is void.
func TestTokensOfAdminEndWithHisPassword(t *testing.T) {
	o := options(t.TempDir())
	r := start(t, &engine{}, o)
	form := url.Values{"grant_type": {"password"}, "username": {importserver.Admin}, "password": {password}}
	_, text := r.request("POST", "/v2/oauth/token", strings.NewReader(form.Encode()), func(q *http.Request) {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	var token wire.Token
	if err := json.Unmarshal([]byte(text), &token); err != nil || token.Access == "" {
		t.Fatalf("%v: %s", err, text)
	}
	if code := r.status("GET", "/v2/user", "", bearer(token.Access)); code != 200 {
		t.Fatalf("at first: %d", code)
	}
	for _, again := range []struct {
		password string
		code     int
	}{{password, 200}, {"quite another password", 401}} {
		r.web.Close()
		r.stop()
		if err := r.server.Close(); err != nil {
			t.Fatal(err)
		}
		o.AdminPassword = again.password
		r = start(t, &engine{}, o)
		if code := r.status("GET", "/v2/user", "", bearer(token.Access)); code != again.code {
			t.Errorf("by the token, after a start with %q: %d", again.password, code)
		}
		as := func(q *http.Request) { q.SetBasicAuth(importserver.Admin, again.password) }
		if code := r.status("GET", "/v2/user", "", as); code != 200 {
			t.Errorf("by %q: %d", again.password, code)
		}
	}
	if code := r.status("GET", "/v2/user", "", nil); code != 401 {
		t.Errorf("by the password from before: %d", code)
	}
}

func TestKeyThatWasDeletedMeanwhileIsNone(t *testing.T) {
	s := open(t, &engine{}, options(t.TempDir()))
	ctx, admin := t.Context(), s.Account(importserver.Admin)
	if _, err := admin.AddKey(ctx, importserver.Admin, wire.APIKey{Name: "k", ExpiresAt: "2999-01-01T00:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	importserver.Meanwhile(t, s, 2, func(ctx context.Context, tx *store.Tx) error { // the user and his keys were read
		all, err := tx.Keys(ctx, importserver.Admin)
		if err != nil {
			return err
		}
		return tx.DeleteKey(ctx, all[0].ID)
	})
	text := "what it is for"
	if _, err := admin.ChangeKey(ctx, importserver.Admin, "k", wire.APIKeyChange{Description: &text}); fault.Of(err) != fault.NotFound {
		t.Errorf("changed: %v", err)
	}
}

// What is lent for a time makes nothing that lasts longer.
func TestKeysAndTokensDoNotOutliveThemselves(t *testing.T) {
	o := options(t.TempDir())
	var late atomic.Int64
	o.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	r := start(t, &engine{}, o)
	r.population("one")
	one := basic("user-one", userPassword)
	var key wire.APIKey
	_, text := r.request("POST", "/v2/user/api-keys", strings.NewReader(`{"name":"ci","expires_at":"2999-01-01T00:00:00Z"}`), one)
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		t.Fatal(err)
	}
	token := func(form string) (t wire.Token) {
		_, text := r.request("POST", "/v2/oauth/token", strings.NewReader(form), nil)
		_ = json.Unmarshal([]byte(text), &t)
		return t
	}
	first := token("grant_type=password&username=user-one&password=" + url.QueryEscape(userPassword))
	for name, sign := range map[string]func(*http.Request){"key": basic(wire.KeyUser, key.Value), "token": bearer(first.Access)} {
		for _, ask := range []struct{ path, body string }{
			{"/v2/user/credentials", `{"type":"password","value":"mine now"}`},
			{"/v2/accounts/one/users/user-one/credentials", `{"type":"password","value":"mine now"}`},
			{"/v2/user/api-keys", `{"name":"more","expires_at":"2999-01-01T00:00:00Z"}`},
			{"/v2/accounts/one/users/user-one/api-keys", `{"name":"more","expires_at":"2999-01-01T00:00:00Z"}`},
			{"/v2/accounts/one/users", `{"username":"another","password":"mine now"}`},
			{"/v2/rbac-manager/roles/full-control/members", `{"username":"user-one","domain_name":"one"}`},
		} {
			if e := r.refused("POST", ask.path, ask.body, sign); e.Code != 403 || !strings.Contains(toJSON(t, e.Detail["hint"]), "password") {
				t.Errorf("%s with a %s: %+v", ask.path, name, e)
			}
		}
		if code := r.status("POST", "/v1/user/credentials", `{"type":"password","value":"mine now"}`, sign); code != 403 {
			t.Errorf("version 1 with a %s: %d", name, code)
		}
		if code := r.status("GET", "/v2/user/api-keys", "", sign); code != 200 {
			t.Errorf("to read with a %s: %d", name, code)
		}
	}
	if code := r.status("PATCH", "/v2/user/api-keys/ci", `{"status":"revoked"}`, basic(wire.KeyUser, key.Value)); code != 200 {
		t.Errorf("to revoke a key with itself: %d", code)
	}
	late.Store(int64(23*time.Hour + 30*time.Minute))
	second := token("grant_type=refresh_token&refresh_token=" + first.Refresh)
	if second.Access == "" || second.ExpiresIn > 1800 {
		t.Errorf("half an hour before the end: %+v", second)
	}
	late.Store(int64(24*time.Hour + time.Minute))
	if third := token("grant_type=refresh_token&refresh_token=" + second.Refresh); third.Access != "" || r.status("GET", "/v2/user", "", bearer(second.Access)) != 401 {
		t.Errorf("after it: %+v", third)
	}
}

// restart is a server on what another one leaves, which is given a password.
func (r *running) restart(o *importserver.Options, given string) *running {
	r.t.Helper()
	r.web.Close()
	r.stop()
	if err := r.server.Close(); err != nil {
		r.t.Fatal(err)
	}
	o.AdminPassword = given
	return start(r.t, &engine{}, *o)
}

// admits checks by which of some passwords the user admin signs in.
func (r *running) admits(what, which string, all []string) {
	r.t.Helper()
	for _, plain := range all {
		want := 401
		if plain == which {
			want = 200
		}
		if code := r.status("GET", "/v2/user", "", basic(importserver.Admin, plain)); code != want {
			r.t.Errorf("%s, by %q: %d", what, plain, code)
		}
	}
}

// The user admin sets his password as everybody does. It is his until the server is given
// one that none was given before.
func TestAdminSetsHisPassword(t *testing.T) {
	const own, another = "his own password", "quite another password"
	for _, route := range []string{"/v2/user/credentials", "/v1/user/credentials", "/v2/accounts/admin/users/admin/credentials"} {
		t.Run(route, func(t *testing.T) {
			o, all := options(t.TempDir()), []string{password, own, another}
			r := start(t, &engine{}, o)
			r.admits("at first", password, all)
			if resp := r.call("POST", route, `{"type":"password","value":"`+own+`"}`, nil); resp.StatusCode != 200 {
				t.Errorf("set it: %d", resp.StatusCode)
			}
			r.admits("once he set it", own, all)
			for _, next := range []struct{ what, given, want string }{
				{"given the same as before", password, own},
				{"given another one", another, another},
				{"given that again", another, another},
				{"given the first one again", password, another},
				{"given his own from before", own, own},
				{"given none", "", own},
			} {
				r = r.restart(&o, next.given)
				r.admits(next.what, next.want, all)
			}
		})
	}
}

// What was the password once does not come back: not from the file either, which has only
// the first one.
func TestGeneratedPasswordDoesNotComeBack(t *testing.T) {
	o := options(t.TempDir())
	o.AdminPassword = ""
	r := start(t, &engine{}, o)
	file := filepath.Join(o.Dir, importserver.PasswordFile)
	data, err := os.ReadFile(file)
	if err != nil || r.server.PasswordFile() != file {
		t.Fatalf("the password is in %q, %v", r.server.PasswordFile(), err)
	}
	generated, signed := strings.TrimSpace(string(data)), ""
	all := []string{generated, "mine-one", "mine-two", "rescue-1", "edited-1"}
	set := func(plain string) {
		t.Helper()
		if code := r.status("POST", "/v2/user/credentials", `{"type":"password","value":"`+plain+`"}`, basic(importserver.Admin, signed)); code != 200 {
			t.Fatalf("set %s: %d", plain, code)
		}
		signed = plain
	}
	next := func(what, given, want string) {
		t.Helper()
		r = r.restart(&o, given)
		r.admits(what, want, all)
		if signed = want; r.server.PasswordFile() != "" && want != generated {
			t.Errorf("%s: the password is said to be in %s", what, r.server.PasswordFile())
		}
	}
	next("the file is there still", "", generated)
	if r.server.PasswordFile() != file {
		t.Errorf("the password is in %q", r.server.PasswordFile())
	}
	set("mine-one")
	next("after one was set", "", "mine-one")
	next("the way back in", "rescue-1", "rescue-1")
	set("mine-two")
	next("given none", "", "mine-two")
	next("given the way back in again", "rescue-1", "mine-two")
	next("given the generated one", generated, "mine-two")
	if err := os.WriteFile(file, []byte("edited-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next("another one in the file", "", "mine-two")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	next("no file", "", "mine-two")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another one was generated: %v", err)
	}
}

func TestPasswordsHave6To128Characters(t *testing.T) {
	for name, test := range map[string]struct {
		plain string
		ok    bool
	}{
		"one character": {"a", false}, "five": {"öööää", false}, "six": {"ööööää", true},
		"128, of more bytes": {strings.Repeat("ä", 128), true}, "129": {strings.Repeat("x", 129), false},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir())
			o.AdminPassword = test.plain
			if !test.ok {
				s, err := importserver.Open(t.Context(), o, (&engine{}).functions())
				if err == nil {
					s.Close()
				}
				if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "6 to 128 characters") {
					t.Errorf("given to the server: %v", err)
				}
				return
			}
			r := start(t, &engine{}, o)
			sign := basic(importserver.Admin, test.plain)
			if code := r.status("POST", "/v2/accounts/admin/users", toJSON(t, wire.UserRequest{Username: "somebody", Password: test.plain}), sign); code != 200 {
				t.Errorf("of a user: %d", code)
			}
			if code := r.status("GET", "/v2/user", "", basic("somebody", test.plain)); code != 200 {
				t.Errorf("by it: %d", code)
			}
		})
	}
}

// A user name ends at the first colon where it is given with a password.
func TestNamesThatCannotSignInAreRefused(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for _, name := range []string{"eve:1", "eve\u00011", "eve\n1"} {
		body := toJSON(t, wire.UserRequest{Username: name, Password: userPassword})
		for _, route := range []string{"/v2/accounts/admin/users", "/v1/accounts/admin/users"} {
			if code := r.status("POST", route, body, nil); code != 400 {
				t.Errorf("%s: %q: %d", route, name, code)
			}
		}
		if _, err := r.server.Account(importserver.Admin).AddUser(t.Context(), wire.UserRequest{Username: name, Password: userPassword}); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPasswordsAreNotSaidInErrors(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for _, ask := range []struct{ path, body string }{
		{"accounts/admin/users", `{"username":"qqqq","password":"s3crt"}`},
		{"accounts/admin/users", `{"username":"qqqq","password":["s3crt"]}`},
		{"user/credentials", `{"type":"password","value":"s3crt"}`},
		{"accounts/admin/users/admin/credentials", `{"type":"password","value":"s3crt"}`},
		{"registries", `{"registry":"r.example","registry_type":"none such","registry_user":"u","registry_pass":{"s3crt":"s3crt"}}`},
	} {
		for _, version := range []string{"/v1/", "/v2/"} {
			if resp, text := r.request("POST", version+ask.path, strings.NewReader(ask.body), nil); resp.StatusCode != 400 || strings.Contains(text, "s3crt") {
				t.Errorf("%s%s %s: %d %s", version, ask.path, ask.body, resp.StatusCode, text)
			}
		}
	}
}

// What is of all accounts together is shown to those who see all accounts.
func TestAccountsSeeNothingOfWhatAllDo(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	e := &engine{onMatch: func(ctx context.Context) error {
		held <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return ctx.Err()
	}}
	o := options(t.TempDir())
	o.Workers = 1
	r := start(t, e, o)
	defer close(hold)
	r.population("one")
	r.imported(1)
	<-held
	one := basic("user-one", userPassword)
	for path, want := range map[string]string{wire.RouteStatus: `"busy":true`, wire.RouteMetrics: `tidepole_images{status="analyzing"} 1`} {
		if resp, text := r.request("GET", path, nil, nil); resp.StatusCode != 200 || !strings.Contains(text, want) {
			t.Errorf("%s to admin: %d %s", path, resp.StatusCode, text)
		}
	}
	if resp, text := r.request("GET", wire.RouteStatus, nil, one); resp.StatusCode != 200 || !strings.Contains(text, `"busy":false`) {
		t.Errorf("the status to another account: %d %s", resp.StatusCode, text)
	}
	if e := r.refused("GET", wire.RouteMetrics, "", one); e.Code != 403 {
		t.Errorf("metrics to another account: %+v", e)
	}
	for name, sign := range map[string]func(*http.Request){"nobody": func(q *http.Request) { q.Header.Del("Authorization") }, "whoever guesses": basic(importserver.Admin, "wrong")} {
		if resp, text := r.request("GET", wire.RouteMetrics, nil, sign); resp.StatusCode != 401 || text != "Unauthorized" {
			t.Errorf("metrics to %s: %d %s", name, resp.StatusCode, text)
		}
	}
	apart := httptest.NewServer(r.server.Probes())
	defer apart.Close()
	resp, err := http.Get(apart.URL + wire.RouteMetrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(text), "tidepole_images") {
		t.Errorf("on a listener of its own: %d %s, %v", resp.StatusCode, text, err)
	}
}
