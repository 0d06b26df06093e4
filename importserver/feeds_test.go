package importserver_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

func form(t *testing.T, field, text string) (body *bytes.Buffer, kind string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	if err := w.WriteField("before", "it"); err != nil {
		t.Fatal(err)
	}
	p, err := w.CreateFormFile(field, "db.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func TestFeedIsUploaded(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	send := func(path, field, text string) (int, string) {
		body, kind := form(t, field, text)
		resp, answer := r.request("POST", path, body, func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		return resp.StatusCode, answer
	}
	const query = "?version=v6&built=2026-01-01T00:00:00Z&checksum=" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	if code, text := send("/v2/system/feeds/vulnerability_db"+query, "file", "one"); code != 202 {
		t.Fatalf("%d %s", code, text)
	}
	var d report.Database
	if r.call("GET", wire.RouteDatabase, "", &d); d.Digest != "sha256:one" || d.Source != "db.tar.zst" {
		t.Errorf("the database: %+v", d)
	}
	var feeds []struct{ Name, Dataset_checksum string }
	if r.call("GET", wire.RouteFeeds, "", &feeds); len(feeds) != 1 || feeds[0].Name != "vulnerability_db" || feeds[0].Dataset_checksum != "sha256:one" {
		t.Errorf("the feeds: %+v", feeds)
	}
	if code := r.status("GET", "/v2/system/feeds/vulnerability_db?version=sha256:one", "", nil); code != 200 {
		t.Errorf("the feed of that version: %d", code)
	}
	for name, test := range map[string]struct{ path, field, says string }{
		"no such feed":     {"/v2/system/feeds/cakes" + query, "file", "no feed"},
		"a feed within it": {"/v2/system/feeds/kev_db" + query, "file", "comes within"},
		"no file":          {"/v2/system/feeds/vulnerability_db" + query, "other", "no file"},
		"no version":       {"/v2/system/feeds/vulnerability_db", "file", "version"},
	} {
		if code, text := send(test.path, test.field, "two"); code != 400 || !strings.Contains(text, test.says) {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if e := r.refused("POST", "/v2/system/feeds/vulnerability_db"+query, "no form", nil); e.Code != 400 {
		t.Errorf("no form: %+v", e)
	}
	for path, code := range map[string]int{
		"GET /v2/system/feeds/vulnerability_db?version=v0": 404, "GET /v2/system/feeds/kev_db?version=v6": 404, "GET /v2/system/feeds/cakes?version=v6": 400,
		"PUT /v2/system/feeds/vulnerabilities?enabled=false": 501, "DELETE /v2/system/feeds/vulnerability_db": 501,
	} {
		method, path, _ := strings.Cut(path, " ")
		if e := r.refused(method, path, "", nil); e.Code != code {
			t.Errorf("%s %s: %+v", method, path, e)
		}
	}
	if r.call("GET", wire.RouteDatabase, "", &d); d.Digest != "sha256:one" {
		t.Errorf("the database after all that: %+v", d)
	}
}

func TestSyncGoesOnWithoutItsRequest(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.call("POST", "/v2/system/feeds?force_sync=true", "", nil)
	if !eventually(func() bool {
		events, err := r.Events(t.Context(), wire.EventFilter{Type: wire.EventFeedsCompleted})
		if err != nil {
			t.Fatal(err)
		}
		return len(events.Results) == 1
	}) {
		t.Error("no event tells that it ended")
	}
}

// Both ways to have a newer database fetched are one place.
func TestOneFetchesTheDatabaseAtATime(t *testing.T) {
	e := &engine{}
	fetching, proceed := make(chan bool), make(chan bool)
	e.onUpdate = func() { fetching <- true; <-proceed }
	r := start(t, e, options(t.TempDir()))
	r.call("POST", "/v2/system/feeds?force_sync=true", "", nil)
	<-fetching
	for _, path := range []string{wire.RouteDatabaseUpdate, "/v2/system/feeds?force_sync=true"} {
		if refused := r.refused("POST", path, "", nil); refused.Code != 409 {
			t.Errorf("%s meanwhile: %+v", path, refused)
		}
	}
	close(proceed)
}

func TestServicesAndErrorCodes(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for _, path := range []string{"/v2/system/services", "/v2/system/services/tidepole", "/v2/system/services/tidepole/host"} {
		var list []wire.Service
		if r.call("GET", path, "", &list); len(list) != 1 || list[0].Name != "tidepole" || list[0].Host != "host" || !list[0].Up {
			t.Errorf("%s: %+v", path, list)
		}
	}
	for path, code := range map[string]int{
		"GET /v2/system/services/cake": 404, "GET /v2/system/services/tidepole/other": 404,
		"DELETE /v2/system/services/tidepole/other": 404, "DELETE /v2/system/services/tidepole/host": 400,
	} {
		method, path, _ := strings.Cut(path, " ")
		if e := r.refused(method, path, "", nil); e.Code != code {
			t.Errorf("%s %s: %+v", method, path, e)
		}
	}
	var workers []wire.Worker
	if r.call("GET", wire.RouteWorkers, "", &workers); len(workers) != 1 || workers[0].Kind != wire.ProcessServer || workers[0].Host != "host" ||
		!workers[0].Up || workers[0].Capacity != 2 || workers[0].PID != os.Getpid() || len(workers[0].Work) != 0 {
		t.Errorf("workers: %+v", workers)
	}
	_, text := r.request("GET", "/v2/system/error-codes", nil, nil)
	var list []wire.ErrorCode
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) < 5 || list[0].Name == "" || list[0].Description == "" {
		t.Errorf("%s", text)
	}
}
