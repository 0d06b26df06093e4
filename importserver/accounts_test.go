package importserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
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
		"admin's password":           {"POST", "/v2/user/credentials", `{"type":"password","value":"123456"}`, nil, 400},
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
	for range 500 {
		if r.status("GET", path, "", nil) == 404 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("the account %s stays", name)
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
	if !strings.Contains(text, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("the rows contain no Argon2id hash")
	}
}

// The password of admin is none of the rows: it may be another one whenever the
// server starts, and what was handed out for the old one is void.
func TestTokensOfAdminEndWithTheServer(t *testing.T) {
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
	r.web.Close()
	r.stop()
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	o.AdminPassword = "quite another password"
	again := start(t, &engine{}, o)
	if code := again.status("GET", "/v2/user", "", bearer(token.Access)); code != 401 {
		t.Errorf("after a start with another password: %d", code)
	}
}
