package importserver_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// broken has a server's rows refuse what a trigger of SQLite says.
func broken(t *testing.T, dir, trigger string) {
	t.Helper()
	if os.Getenv(rowsVariable) != "" {
		t.Skip("the rows are not in SQLite")
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, importserver.RowsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TRIGGER broken ` + trigger + ` BEGIN SELECT RAISE(ABORT, 'broken'); END`); err != nil {
		t.Fatal(err)
	}
}

// TestDeletionsThatBreakOff has the second of three images stay where it is.
func TestDeletionsThatBreakOff(t *testing.T) {
	r := queried(t, "a.example/one:1", "a.example/two:1", "a.example/three:1")
	broken(t, r.dir, `BEFORE DELETE ON images WHEN old.digest = '`+digestOf(2)+`'`)
	if list, err := r.DeleteImages(t.Context(), []string{digestOf(2), digestOf(3)}, true); err == nil {
		t.Errorf("of which none is gone: %+v", list)
	}
	var list []wire.Deletion
	r.call("DELETE", wire.RouteImages+"?force=true&image_digests="+strings.Join([]string{digestOf(1), digestOf(2), digestOf(3)}, ","), "", &list)
	fates := map[string]string{}
	for _, d := range list {
		fates[d.Digest] = d.Status
	}
	if diff := cmp.Diff(map[string]string{digestOf(1): "deleting", digestOf(2): "delete_failed", digestOf(3): "delete_failed"}, fates); diff != "" {
		t.Error(diff)
	}
	for n, kind := range map[int]fault.Kind{1: fault.NotFound, 2: 0, 3: 0} {
		if _, err := r.Image(t.Context(), digestOf(n)); err == nil && kind != 0 || err != nil && fault.Of(err) != kind {
			t.Errorf("image %d: %v", n, err)
		}
	}
}

// TestPolicyThatCannotBeActivated stays as it was.
func TestPolicyThatCannotBeActivated(t *testing.T) {
	e := &engine{}
	e.now = report.Database{Present: true, Digest: "d"}
	r := start(t, e, options(t.TempDir()))
	p := testPolicy("b")
	p.Name = "before"
	r.call("POST", "/v2/policies", toJSON(t, wire.WholePolicy(p)), nil)
	broken(t, r.dir, `BEFORE UPDATE OF active ON policies WHEN new.id = 'b' AND new.active = 1`)
	p.Name = "after"
	resp, text := r.request("PUT", "/v2/policies/b?active=true", strings.NewReader(toJSON(t, wire.WholePolicy(p))), nil)
	if resp.StatusCode != http.StatusInternalServerError {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	if got, err := r.Policy(t.Context(), "b"); err != nil || got.Name != "before" || got.Active {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDigestsInCapitals are the same digests.
func TestDigestsInCapitals(t *testing.T) {
	r := queried(t, "a.example/one:1")
	other := "sha256:" + strings.Repeat("0", 62) + "ab"
	capital := func(digest string) string { return "sha256:" + strings.ToUpper(strings.TrimPrefix(digest, "sha256:")) }
	if _, err := r.Import(t.Context(), newBundle(t, image{digest: capital(other), tags: []string{"a.example/two:1"}}), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(other, wire.Analyzed)
	for _, path := range []string{"", "/vuln/all?base_digest=" + capital(other), "/metadata/manifest", "/check?tag=a.example/two:1&base_digest=" + capital(other)} {
		_, text := r.request("GET", wire.Path(wire.RouteImage, capital(other))+path, nil, nil)
		if !strings.Contains(text, other) || strings.Contains(text, capital(other)) {
			t.Errorf("%s: %s", path, text)
		}
	}
	var list []wire.Deletion
	r.call("DELETE", wire.RouteImages+"?force=true&image_digests="+capital(other), "", &list)
	if want := []wire.Deletion{{Digest: other, Status: wire.Deleting}}; !cmp.Equal(want, list) {
		got, _ := json.Marshal(list)
		t.Errorf("deleted: %s", got)
	}
}
