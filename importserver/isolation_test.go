package importserver_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// rowsOf are the bytes of a server's rows.
func rowsOf(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "tidepole.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no rows in %s: %v", dir, err)
	}
	text := ""
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	return text
}

// bodies are bodies that the operations take.
var bodies = map[string]string{
	"update_policy":        `{"active":true}`,
	"update_subscription":  `{"active":false}`,
	"update_registry":      `{"registry_name":"x"}`,
	"update_account":       `{"email":"y@example.com"}`,
	"update_account_state": `{"state":"disabled"}`,
	"create_user":          `{"username":"user-new","password":"123456"}`,
	"create_user_api_key":  `{"name":"new","expires_at":"2999-01-01T00:00:00Z"}`,
	"patch_user_api_key":   `{"status":"revoked"}`,
	"patch_api_key":        `{"status":"revoked"}`,

	"create_user_credential": `{"type":"password","value":"123456"}`,
	"import_image_packages":  `{"artifacts":[],"source":{},"distro":{}}`,
}

// fixed are parameters of paths that name nothing of an account's.
var fixed = map[string]string{
	"content_type": "npm", "metadata_type": "manifest", "vuln_type": "all", "role_name": "read-only",
	"service_name": "apiext", "servicename": "apiext", "hostid": "host", "ctype": "npm", "mtype": "manifest", "vtype": "all", "host_id": "host", "feed": "vulnerability_db",
}

// queries are what operations need in their queries.
var queries = map[string]string{
	"get_image_policy_check_by_digest": "?tag=one/a:1", "delete_user_credential": "?credential_type=password", "update_registry": "?validate=false",
}

var parameter = regexp.MustCompile(`\{([a-zA-Z_]+)\}`)

// trial is an operation to try.
type trial struct{ id, method, path, permission string }

// trials are the operations of the two versions of the API, each of the first under
// the name that it has in the second.
func trials(t *testing.T) (v1, v2 []trial) {
	t.Helper()
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	permissions := map[string]string{}
	for _, o := range d.Operations() {
		permissions[o.ID] = o.Permission
		v2 = append(v2, trial{o.ID, o.Method, o.Path, o.Permission})
	}
	swagger, err := openapi.V1()
	if err != nil {
		t.Fatal(err)
	}
	var older struct {
		Paths map[string]map[string]struct {
			Target string `json:"x-v2-operation"`
		}
	}
	if err := json.Unmarshal(swagger, &older); err != nil {
		t.Fatal(err)
	}
	for path, methods := range older.Paths {
		for method, o := range methods {
			v1 = append(v1, trial{o.Target, strings.ToUpper(method), "/v1" + path, permissions[o.Target]})
		}
	}
	return v1, v2
}

// inVersion1 are values under the names that version 1 has for them.
func inVersion1(values map[string]string) map[string]string {
	all := map[string]string{}
	for older, name := range map[string]string{
		"imageDigest": "image_digest", "imageId": "image_id", "policyId": "policy_id", "registry": "registry", "subscriptionId": "subscription_id",
		"eventId": "event_id", "operation_id": "operation_id", "accountname": "account_name", "username": "username",
	} {
		all[older] = values[name]
	}
	return all
}

// triesAll has a user of another account try every operation that names something:
// with what is theirs, and with what is nobody's. The answers are the same, and what they
// cost: statements in the rows, and nothing of the blobs. The server must not run.
func (r *running) triesAll(t *testing.T, user string, operations []trial, theirs, nobodys map[string]string) {
	t.Helper()
	sign := basic(user, userPassword)
	lists, named := 0, 0
	for _, o := range operations {
		ours := o.permission == openapi.Open || o.permission == openapi.System // of nobody's, or not for two at all
		path := func(values map[string]string) string {
			return parameter.ReplaceAllStringFunc(o.path, func(p string) string {
				p = strings.Trim(p, "{}")
				if fixed[p] != "" {
					return fixed[p]
				}
				if values[p] == "" {
					t.Fatalf("%s: nothing is known of the parameter %s", o.id, p)
				}
				return url.PathEscape(values[p])
			}) + queries[o.id]
		}
		if of := parameter.FindAllStringSubmatch(o.path, -1); len(of) == 0 || len(of) == 1 && fixed[of[0][1]] != "" {
			if o.method != "GET" || ours {
				continue
			}
			lists++
			_, text := r.request(o.method, path(nil), nil, sign)
			for name, id := range theirs {
				if name != "account_name" && name != "accountname" && strings.Contains(text, `"`+id+`"`) {
					t.Errorf("%s tells of another account's %s: %s", o.id, name, text)
				}
			}
			continue
		}
		if o.permission == openapi.System {
			continue
		}
		named++
		ask := func(values map[string]string) (int, string, int) {
			body := bodies[o.id]
			var resp *http.Response
			var text string
			statements := importserver.Statements(r.server, func() {
				resp, text = r.request(o.method, path(values), strings.NewReader(body), sign)
			})
			ids := slices.SortedFunc(maps.Values(values), func(a, b string) int { return len(b) - len(a) }) // some are parts of others
			for _, id := range ids {
				text = strings.ReplaceAll(text, id, "ID")
			}
			var e wire.Error
			if json.Unmarshal([]byte(text), &e) == nil {
				delete(e.Detail, "request_id")
				text = toJSON(t, e)
			}
			return resp.StatusCode, text, statements
		}
		code, text, statements := ask(theirs)
		otherCode, otherText, others := ask(nobodys)
		if statements != others || statements == 0 {
			t.Errorf("%s: %d statements for another account's, %d for nobody's", o.id, statements, others)
		}
		if diff := cmp.Diff(otherText, text); diff != "" || code != otherCode {
			t.Errorf("%s: %d for another account's, %d for nobody's: %s", o.id, code, otherCode, diff)
		}
		if code != 404 && code != 501 && (code != 403 || user == "user-two") {
			t.Errorf("%s: %d for another account's: %s", o.id, code, text)
		}
	}
	if lists < 10 || named < 40 {
		t.Errorf("%d lists and %d operations were tried", lists, named)
	}
}

// TestAccountsSeeNothingOfEachOther tries every operation of the API that names
// something, as another account's users: what that account has is answered as what
// nobody has.
func TestAccountsSeeNothingOfEachOther(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("one", "two")
	for user, role := range map[string]string{"two-reads": "read-only", "two-writes": "read-write"} {
		r.call("POST", "/v2/accounts/two/users", `{"username":"`+user+`","password":"`+userPassword+`"}`, nil)
		r.call("POST", "/v2/rbac-manager/roles/"+role+"/members", `{"username":"`+user+`","domain_name":"two"}`, nil)
	}
	one, two := basic("user-one", userPassword), basic("user-two", userPassword)
	for n, name := range []string{"one", "two"} {
		b := newBundle(t, image{digest: digestOf(n + 1), tags: []string{name + "/a:1"}}) // the same parts: they share blobs
		b.ImageID = digestOf(501 + n)
		if _, err := r.server.Account(name).Import(t.Context(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	post := func(path, body string, into any) {
		t.Helper()
		resp, text := r.request("POST", path, strings.NewReader(body), one)
		if resp.StatusCode >= 300 {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, text)
		}
		if into != nil {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatal(err)
			}
		}
	}
	var op wire.Operation
	var part wire.Upload
	post("/v2/imports/images", "{}", &op)
	post("/v2/imports/images/"+op.UUID+"/packages", document, &part)
	post("/v2/registries?validate=false", `{"registry":"r1.example","registry_user":"u","registry_pass":"p","registry_type":"docker_v2"}`, nil)
	post("/v2/user/api-keys", `{"name":"key-one","expires_at":"2999-01-01T00:00:00Z"}`, nil)
	p := testPolicy("policy-one")
	if _, err := r.server.Account("one").AddPolicy(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	subscriptions, err := r.server.Account("one").Subscriptions(t.Context(), "", "")
	if err != nil || len(subscriptions) == 0 {
		t.Fatalf("subscriptions: %v, %v", subscriptions, err)
	}
	if _, err := r.server.Account("one").ActivatePolicy(t.Context(), "policy-one"); err != nil {
		t.Fatal(err)
	}
	events, err := r.server.Account("one").Events(t.Context(), wire.EventFilter{})
	if err != nil || len(events.Results) == 0 {
		t.Fatalf("events: %+v, %v", events, err)
	}
	theirs := map[string]string{
		"image_digest": digestOf(1), "image_id": digestOf(501), "policy_id": "policy-one", "registry": "r1.example", "subscription_id": subscriptions[0].ID,
		"event_id": events.Results[0].ID, "operation_id": op.UUID, "account_name": "one", "username": "user-one", "key_name": "key-one",
	}
	nobodys := map[string]string{
		"image_digest": digestOf(999), "image_id": digestOf(998), "policy_id": "policy-xxx", "registry": "rx.example", "subscription_id": "abcdef0123456789abcdef0123456789",
		"event_id": "fedcba9876543210fedcba9876543210", "operation_id": "00000000-0000-4000-8000-000000000000", "account_name": "xxx", "username": "user-xxx", "key_name": "key-xxx",
	}
	for n, name := range []string{"one", "two"} {
		other := *r
		other.Account = r.server.Account(name)
		other.await(digestOf(n+1), wire.Analyzed)
	}
	r.stop() // so that nothing costs but what is asked
	touched := importserver.Blobs(r.server)
	v1, v2 := trials(t)
	for _, user := range []string{"two-reads", "two-writes", "user-two"} {
		t.Run(user, func(t *testing.T) { r.triesAll(t, user, v2, theirs, nobodys) })
		t.Run(user+" in version 1", func(t *testing.T) { r.triesAll(t, user, v1, inVersion1(theirs), inVersion1(nobodys)) })
	}
	if n := touched.Load(); n > 0 {
		t.Errorf("%d operations in the blobs", n)
	}
	// The same questions are answered to the account itself.
	for _, path := range []string{
		"/v2/images/" + digestOf(1), "/v2/policies/policy-one", "/v2/registries/r1.example", "/v2/subscriptions/" + subscriptions[0].ID,
		"/v2/events/" + events.Results[0].ID, "/v2/imports/images/" + op.UUID, "/v2/accounts/one", "/v2/accounts/one/users/user-one", "/v2/user/api-keys/key-one",
	} {
		if code := r.status("GET", path, "", one); code != 200 {
			t.Errorf("%s of one's own: %d", path, code)
		}
	}
	t.Run("acting for another account", func(t *testing.T) {
		answers := map[string]string{}
		for _, name := range []string{"one", "xxx"} {
			e := r.refused("GET", wire.RouteImages, "", func(q *http.Request) { two(q); q.Header.Set(wire.AccountHeader, name) })
			if e.Code != 403 {
				t.Errorf("%s: %+v", name, e)
			}
			answers[name] = strings.ReplaceAll(e.Message, name, "NAME")
		}
		if answers["one"] != answers["xxx"] {
			t.Errorf("%+v", answers)
		}
	})
	t.Run("parts that another account uploaded", func(t *testing.T) {
		var mine wire.Operation
		_, text := r.request("POST", "/v2/imports/images", strings.NewReader("{}"), two)
		if err := json.Unmarshal([]byte(text), &mine); err != nil {
			t.Fatal(err)
		}
		b := newBundle(t, image{digest: digestOf(3), tags: []string{"two/b:1"}})
		contents := map[string]string{"packages": part.Digest, "manifest": part.Digest, "image_config": part.Digest}
		e := r.refused("POST", wire.RouteImages, finaliseBody(t, mine.UUID, b, contents), two)
		if e.Code != 400 || !strings.Contains(e.Message, "digests not found") {
			t.Errorf("%+v", e)
		}
	})
}

// TestUploadsCostTheSame uploads a part whose bytes another account has brought, and one
// that nobody has: what is done in the rows and in the blobs is the same.
func TestUploadsCostTheSame(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.stop()
	r.population("one", "two")
	one, two := basic("user-one", userPassword), basic("user-two", userPassword)
	touched := importserver.Blobs(r.server)
	upload := func(sign func(*http.Request), body string) (statements, operations int) {
		var op wire.Operation
		_, text := r.request("POST", "/v2/imports/images", strings.NewReader("{}"), sign)
		if err := json.Unmarshal([]byte(text), &op); err != nil {
			t.Fatal(err)
		}
		touched.Store(0)
		statements = importserver.Statements(r.server, func() {
			if code := r.status("POST", "/v2/imports/images/"+op.UUID+"/packages", body, sign); code != 200 {
				t.Errorf("upload: %d", code)
			}
		})
		return statements, int(touched.Load())
	}
	theirs, nobodys := document, strings.Replace(document, "left-pad", "left-pid", 1)
	upload(one, theirs)
	statements, operations := upload(two, theirs)
	others, otherOperations := upload(two, nobodys)
	if statements != others || operations != otherOperations || statements == 0 || operations == 0 {
		t.Errorf("%d statements and %d operations for what another account has, %d and %d for what nobody has", statements, operations, others, otherOperations)
	}
}
