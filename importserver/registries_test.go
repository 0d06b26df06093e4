package importserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

const registrySecret = "the-password-of-the-registry"

// doorman is an engine whose registries want a user and his password.
func doorman() *engine {
	admit := func(l *importserver.Login) error {
		if l == nil || l.User != "puller" || l.Password != registrySecret {
			return fault.New(fault.Denied, "the registry refuses the credentials")
		}
		return nil
	}
	e := &engine{
		ping: func(_ string, l *importserver.Login) error { return admit(l) },
		resolve: func(t importserver.Target) (importserver.Resolved, error) {
			return importserver.Resolved{Digest: digestOf(1)}, admit(t.Login)
		},
	}
	e.tags = func(_ string, l *importserver.Login) ([]string, error) { return []string{"1", "2", "latest"}, admit(l) }
	return e
}

const postRegistry = `{"registry":%q,"registry_name":"mine","registry_user":"puller","registry_pass":%q,"registry_type":"docker_v2","registry_verify":true}`

func TestRegistriesAreKeptWithoutTellingPasswords(t *testing.T) {
	r := start(t, doorman(), options(t.TempDir()))
	name := "localhost:5000/team/*"
	path := "/v2/registries/localhost%3A5000%2Fteam%2F*"
	if e := r.refused("POST", "/v2/registries", fmt.Sprintf(postRegistry, name, "wrong"), nil); e.Code != http.StatusNotAcceptable || e.Detail["error_codes"] == nil {
		t.Errorf("a login that is refused: %+v", e)
	}
	var list []wire.Registry
	r.call("POST", "/v2/registries", fmt.Sprintf(postRegistry, name, registrySecret), &list)
	want := []wire.Registry{{Registry: name, Name: "mine", User: "puller", Type: "docker_v2", Verify: true, AccountName: "admin"}}
	withoutTimes := func(list []wire.Registry) []wire.Registry {
		for i := range list {
			if list[i].CreatedAt.IsZero() || list[i].LastUpdated.IsZero() {
				t.Errorf("times of %+v", list[i])
			}
			list[i].CreatedAt, list[i].LastUpdated = time.Time{}, time.Time{}
		}
		return list
	}
	for _, where := range []string{"", path, "/v2/registries"} {
		if where != "" {
			r.call("GET", where, "", &list)
		}
		if diff := cmp.Diff(want, withoutTimes(list)); diff != "" {
			t.Errorf("%s: %s", where, diff)
		}
	}
	if e := r.refused("POST", "/v2/registries", fmt.Sprintf(postRegistry, name, registrySecret), nil); e.Code != 400 {
		t.Errorf("once more: %d", e.Code)
	}
	if e := r.refused("PUT", path, `{"registry_pass":"wrong"}`, nil); e.Code != http.StatusNotAcceptable {
		t.Errorf("a wrong password: %d", e.Code)
	}
	r.call("PUT", path, `{"registry_name":"ours","registry_verify":false,"registry_pass":""}`, &list)
	want[0].Name, want[0].Verify = "ours", false
	if diff := cmp.Diff(want, withoutTimes(list)); diff != "" {
		t.Error(diff)
	}
	r.call("PUT", path+"?validate=False", `{"registry_user":"other"}`, &list)
	if e := r.refused("PUT", path, `{}`, nil); e.Code != http.StatusNotAcceptable {
		t.Errorf("another user: %d", e.Code)
	}
	r.call("PUT", path, `{"registry_user":"puller"}`, &list) // the password is still there
	var page wire.Events
	r.call("GET", "/v2/events?event_type=system.registry.login_failed", "", &page)
	if page.Count != 3 || page.Results[0].Event.Resource.ID != name {
		t.Errorf("%d events of refused logins: %+v", page.Count, page)
	}
	if text := toJSON(t, page); strings.Contains(text, registrySecret) {
		t.Errorf("the events tell the password: %s", text)
	}
	if resp := r.call("DELETE", path, "", nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if e := r.refused(method, path, "{}", nil); e.Code != 404 {
			t.Errorf("%s of what is deleted: %d", method, e.Code)
		}
	}
}

func TestWhatIsNoRegistryIsRefused(t *testing.T) {
	r := start(t, doorman(), options(t.TempDir()))
	for _, name := range []string{
		"", "https://localhost", "a b", "host/../x y", "*", "*.example.com", "host/a*b", "host:port", "host?x", "host#x", "user@host", strings.Repeat("a", 2000),
	} {
		if e := r.refused("POST", "/v2/registries?validate=false", fmt.Sprintf(postRegistry, name, "x"), nil); e.Code != 400 {
			t.Errorf("%q: %d", name, e.Code)
		}
	}
	for _, body := range []string{
		`{"registry":"a","registry_type":"x"}`, `{"registry":1}`, `[]`, ``, `{"registry":"a","registry_user":"a:b"}`,
		`{"registry":"a","registry_pass":"` + strings.Repeat("x", 20_000) + `"}`,
	} {
		if e := r.refused("POST", "/v2/registries?validate=false", body, nil); e.Code != 400 {
			t.Errorf("%.100s: %d", body, e.Code)
		}
	}
	for _, name := range []string{"host.example", "host:5000", "host.example*", "host.other/", "localhost/*", "docker.io/library/*", "gcr.io/project/repo", "[::1]:5000", "localhost:5000/te*"} {
		r.call("POST", "/v2/registries?validate=false", fmt.Sprintf(postRegistry, name, "x"), nil)
	}
	for _, name := range []string{"reg*", "reg", "reg/team/*"} {
		if e := r.refused("POST", "/v2/registries?validate=false", fmt.Sprintf(postRegistry, name, "x"), nil); e.Code != 400 || !strings.Contains(e.Message, "whole host") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	r.call("GET", "/v2/registries/host.other", "", nil) // without its slash
	if e := r.refused("POST", "/v2/registries", `{"registry":"1.dkr.ecr.eu.amazonaws.com","registry_type":"awsecr","registry_user":"iamauto"}`, nil); e.Code != 400 || e.Detail["hint"] == nil {
		t.Errorf("a registry that cannot be asked: %d", e.Code)
	}
}

func TestTheMostSpecificLoginIsUsed(t *testing.T) {
	e := doorman()
	var used []string
	e.resolve = func(target importserver.Target) (importserver.Resolved, error) {
		user := "nobody"
		if target.Login != nil {
			user = target.Login.User + "/" + target.Login.Password
		}
		used = append(used, user)
		return importserver.Resolved{}, fault.New(fault.NotFound, "none")
	}
	r := start(t, e, options(t.TempDir()))
	for i, name := range []string{"r.io", "r.io/team/*", "r.io/team/app", "r.io/te*", "s.io*", "docker.io/library/*"} {
		body := fmt.Sprintf(`{"registry":%q,"registry_user":"u%d","registry_pass":"p%d"}`, name, i, i)
		r.call("POST", "/v2/registries?validate=false", body, nil)
	}
	want := map[string]string{
		"r.io/x:1": "u0/p0", "r.io/team/other:1": "u1/p1", "r.io/team/app:1": "u2/p2", "r.io/team/app2:1": "u1/p1", "r.io/temp:1": "u3/p3",
		"r.io:5000/x:1": "nobody", "s.io/x:1": "u4/p4", "s.io.evil.example/x:1": "nobody", "library/alpine:1": "u5/p5", "alpine:1": "nobody", "r.iox/y:1": "nobody",
	}
	got := map[string]string{}
	for name := range want {
		used = nil
		r.refused("POST", "/v2/images", fmt.Sprintf(`{"source":{"tag":{"pull_string":%q}}}`, name), nil)
		got[name] = strings.Join(used, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestARefusedLoginRests(t *testing.T) {
	e := doorman()
	o := options(t.TempDir())
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	asked := 0
	resolve := e.resolve
	e.resolve = func(t importserver.Target) (importserver.Resolved, error) { asked++; return resolve(t) }
	a := open(t, e, o).Account(importserver.Admin)
	password, user := "wrong", "puller"
	if _, err := a.AddRegistry(t.Context(), wire.RegistryRequest{Registry: "r.io", User: &user, Password: &password}, false); err != nil {
		t.Fatal(err)
	}
	add := func() string {
		_, err := a.AddImage(t.Context(), wire.ImageRequest{Source: wire.ImageSource{Tag: &wire.TagSource{PullString: "r.io/a:1"}}}, wire.AddOptions{})
		var f *fault.Fault
		if !errors.As(err, &f) {
			return fmt.Sprint(err)
		}
		return fmt.Sprint(f.Kind, f.Detail["error_codes"])
	}
	for range 3 {
		if got := add(); got != "invalid [REGISTRY_PERMISSION_DENIED]" {
			t.Errorf("added: %s", got)
		}
	}
	if asked != 1 {
		t.Errorf("the registry was asked %d times within a minute", asked)
	}
	now = now.Add(61 * time.Second)
	if add(); asked != 2 {
		t.Errorf("the registry was asked %d times", asked)
	}
	password = registrySecret
	if _, err := a.UpdateRegistry(t.Context(), "r.io", wire.RegistryRequest{Password: &password}, true); err != nil {
		t.Fatal(err)
	}
	if got := add(); got != "<nil>" {
		t.Errorf("with the right password: %s", got)
	}
}

func TestPasswordsOfRegistriesAreEncrypted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, doorman(), options(dir))
	password, user := registrySecret, "puller"
	if _, err := s.Account("admin").AddRegistry(t.Context(), wire.RegistryRequest{Registry: "r.io", User: &user, Password: &password}, true); err != nil {
		t.Fatal(err)
	}
	s.Close()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(registrySecret)) {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, importserver.KeyFile)
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	s = open(t, doorman(), options(dir))
	if _, err := s.Account("admin").UpdateRegistry(t.Context(), "r.io", wire.RegistryRequest{}, true); err != nil {
		t.Errorf("after another start: %v", err)
	}
	s.Close()
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if s, err := importserver.Open(t.Context(), options(dir), doorman().functions()); err == nil {
		s.Close()
		t.Error("a server without the key started")
	}
}

func TestLoginsHideTheirPasswords(t *testing.T) {
	l := importserver.Login{User: "puller", Password: registrySecret}
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s", l, l, l, l, &l, &l, &l, toJSON(t, map[string]any{"a": l, "b": &l}))
	if strings.Contains(text, registrySecret) {
		t.Error(text)
	}
}

func TestRepositories(t *testing.T) {
	e := doorman()
	r := start(t, e, options(t.TempDir()))
	if e := r.refused("POST", "/v2/repositories?repository=r.io/team/app", "", nil); e.Code != 400 || fmt.Sprint(e.Detail["error_codes"]) != "[REGISTRY_PERMISSION_DENIED]" {
		t.Errorf("without a login: %+v", e)
	}
	var page wire.Events
	r.call("GET", "/v2/events?event_type=system.repository.list_tags_fail&resource_id=r.io/team/app", "", &page)
	if page.Count != 1 {
		t.Errorf("events: %+v", page)
	}
	r.call("POST", "/v2/registries", fmt.Sprintf(postRegistry, "r.io", registrySecret), nil)
	var list []wire.Subscription
	value := func() map[string]any {
		t.Helper()
		var v map[string]any
		if len(list) != 1 || list[0].Value == nil || json.Unmarshal([]byte(*list[0].Value), &v) != nil {
			t.Fatalf("subscriptions %+v", list)
		}
		return v
	}
	tags := []any{"1", "2", "latest"}
	r.call("POST", "/v2/repositories?repository=r.io/team/app&dry_run=true", "", &list)
	want := map[string]any{"autosubscribe": false, "lookuptag": "1", "tagcount": 3.0, "repotags": tags}
	if diff := cmp.Diff(want, value()); diff != "" || list[0].Active || list[0].Type != "repo_update" {
		t.Errorf("a dry run: %+v %s", list, diff)
	}
	r.call("GET", "/v2/subscriptions", "", &list)
	if len(list) != 0 {
		t.Errorf("a dry run left %+v", list)
	}
	r.call("POST", "/v2/repositories?repository=r.io/team/app&auto_subscribe=true", "", &list)
	want["autosubscribe"], want["repotags"] = true, []any{}
	if diff := cmp.Diff(want, value()); diff != "" || !list[0].Active || list[0].Key != "r.io/team/app" {
		t.Errorf("added: %+v %s", list, diff)
	}
	id := list[0].ID
	r.call("POST", "/v2/repositories?repository=r.io/team/app&exclude_existing_tags=true", "", &list)
	want["autosubscribe"], want["repotags"] = false, tags
	if diff := cmp.Diff(want, value()); diff != "" || list[0].ID != id {
		t.Errorf("without the tags that are there: %+v %s", list, diff)
	}
	r.call("POST", "/v2/repositories?repository=r.io/team/app", "", &list)
	if diff := cmp.Diff(want, value()); diff != "" {
		t.Errorf("known tags were forgotten: %s", diff)
	}
	for _, name := range []string{"", "r.io/a:1", "r.io/a@" + digestOf(1), "r.io//a"} {
		if e := r.refused("POST", "/v2/repositories?repository="+name, "", nil); e.Code != 400 {
			t.Errorf("%q: %d", name, e.Code)
		}
	}
}

func TestTheWorkerSignsInToo(t *testing.T) {
	e := central(t)
	e.ping = doorman().ping
	analyze := e.analyze
	e.analyze = func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
		if err := e.ping("r.io", job.Login); err != nil {
			return err
		}
		return analyze(ctx, job, to)
	}
	r := start(t, e, options(t.TempDir()))
	r.call("POST", "/v2/registries?validate=false", fmt.Sprintf(postRegistry, "r.io", "wrong"), nil)
	r.add("r.io/a:1", wire.AddOptions{})
	r.await(digestOf(1), wire.AnalysisFailed)
	page, err := r.Events(t.Context(), wire.EventFilter{Level: "error"})
	want := []string{"system.registry.login_failed", "system.image_analysis.failed", "user.image.analysis.failed"}
	if diff := cmp.Diff(want, eventTypesOf(page)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	r.call("PUT", "/v2/registries/r.io", fmt.Sprintf(`{"registry_pass":%q}`, registrySecret), nil)
	r.add("r.io/a:1", wire.AddOptions{})
	r.await(digestOf(1), wire.Analyzed)
}
