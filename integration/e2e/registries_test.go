package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
)

// ask sends a request to a server's API.
func (s *server) ask(method, path, body string, want int, into any) string {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+s.addr+"/v2"+path, strings.NewReader(body))
	do(s.t, err)
	req.SetBasicAuth("admin", adminPassword)
	resp, err := http.DefaultClient.Do(req)
	do(s.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	do(s.t, err)
	if resp.StatusCode != want {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, want, data)
	}
	if into != nil {
		do(s.t, json.Unmarshal(data, into))
	}
	return string(data)
}

// A server that knows nothing of a registry but its authority pulls with the login
// that an account has stored, and tells its password to nobody.
func TestServerPullsWithAStoredLogin(t *testing.T) {
	open, closed := part(t, "TIDEPOLE_TEST_REGISTRY"), part(t, "TIDEPOLE_TEST_REGISTRY_TLS")
	user, password := part(t, "TIDEPOLE_TEST_REGISTRY_USERNAME"), part(t, "TIDEPOLE_TEST_REGISTRY_PASSWORD")
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"etc/os-release": {Content: "ID=debian\nVERSION_ID=\"12\"\n"}}}})
	for _, tag := range []string{"1", "2"} {
		ref, err := name.ParseReference(open+"/logins/app:"+tag, name.Insecure)
		do(t, err)
		do(t, remote.Write(ref, img))
	}
	s := newUser(t).with("TIDEPOLE_REGISTRY_AUTHORITY="+closed, "TIDEPOLE_REGISTRY_CA="+part(t, "TIDEPOLE_TEST_REGISTRY_CA")).serve()
	add := `{"source":{"tag":{"pull_string":"` + closed + `/logins/app:1"}}}`
	repository := "/repositories?repository=" + url.QueryEscape(closed+"/logins/app")
	s.ask("POST", "/images", add, 400, nil)
	s.ask("POST", repository, "", 400, nil)
	login := func(password string) string {
		data, err := json.Marshal(map[string]any{
			"registry": closed + "/logins/*", "registry_name": "closed", "registry_user": user, "registry_pass": password,
			"registry_type": "docker_v2", "registry_verify": true,
		})
		do(t, err)
		return string(data)
	}
	s.ask("POST", "/registries", login("wrong"), 406, nil)
	answer := s.ask("POST", "/registries", login(password), 200, nil)
	s.ask("PUT", "/registries/"+url.PathEscape(closed+"/logins/*"), `{"registry_name":"ours"}`, 200, nil) // asked with the password that is kept
	if out := s.user.ok("image", "add", closed+"/logins/app:1", "--wait"); !strings.Contains(out, "Status: analyzed (active)\n") {
		t.Errorf("the image was added as\n%s", out)
	}
	var subscriptions []wire.Subscription
	s.ask("POST", repository+"&dry_run=true", "", 200, &subscriptions)
	var value struct {
		Tags []string `json:"repotags"`
	}
	do(t, json.Unmarshal([]byte(*subscriptions[0].Value), &value))
	slices.Sort(value.Tags)
	if diff := cmp.Diff([]string{"1", "2"}, value.Tags); diff != "" {
		t.Error(diff)
	}
	answer += s.ask("GET", "/registries", "", 200, nil) + s.ask("GET", "/events", "", 200, nil) + s.ask("GET", "/images", "", 200, nil)
	if strings.Contains(answer, password) {
		t.Error("an answer tells the password")
	}
	do(t, filepath.WalkDir(filepath.Dir(s.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("%s holds the password", path)
		}
		return err
	}))
}
