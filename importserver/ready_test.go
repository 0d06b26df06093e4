package importserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// readiness asks once, whatever was found a moment ago.
func (r *running) readiness(query string) (int, map[string]string) {
	r.t.Helper()
	importserver.ForgetReadiness(r.server)
	resp, text := r.request("GET", wire.RouteReady+query, nil, func(q *http.Request) { q.Header.Del("Authorization") })
	var found wire.Readiness
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		r.t.Fatalf("%d %s: %v", resp.StatusCode, text, err)
	}
	ill := map[string]string{}
	for _, c := range found.Checks {
		if !c.OK {
			ill[c.Name] = c.Reason
		}
	}
	if len(found.Checks) != 4 || found.Ready != (ill["store"] == "" && ill["blobs"] == "") {
		r.t.Errorf("readiness: %s", text)
	}
	return resp.StatusCode, ill
}

// becomes waits until a server says of itself what it should: a look that takes too long,
// as on a busy machine, finds it ill.
func (r *running) becomes(when, query string, code int, want map[string]string) {
	r.t.Helper()
	var got int
	var ill map[string]string
	if !eventually(func() bool { got, ill = r.readiness(query); return got == code && cmp.Equal(want, ill) }) {
		r.t.Errorf("%s: answered %d, want %d: %s", when, got, code, cmp.Diff(want, ill))
	}
}

func TestReadinessTellsTheTruth(t *testing.T) {
	e := &engine{database: database{now: report.Database{Present: true, Digest: "sha256:1"}}}
	r := start(t, e, options(t.TempDir()))
	check := r.becomes
	blobs := filepath.Join(r.dir, "blobs")
	check("well", "?strict=true", 200, map[string]string{})
	if err := os.Rename(blobs, blobs+".away"); err != nil {
		t.Fatal(err)
	}
	check("without blobs", "", 503, map[string]string{"blobs": "the blob store cannot be reached"})
	if err := os.Rename(blobs+".away", blobs); err != nil {
		t.Fatal(err)
	}
	check("with blobs again", "", 200, map[string]string{})
	r.stop()
	check("without workers", "", 200, map[string]string{"workers": "no process that takes work is alive"})
	check("without workers, strictly", "?strict=true", 503, map[string]string{"workers": "no process that takes work is alive"})
	if resp, _ := r.request("GET", wire.RouteHealth, nil, nil); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	if code, ill := r.readiness(""); code != 503 || ill["store"] == "" {
		t.Errorf("with a closed store: %d, %v", code, ill)
	}
}

// A transaction that takes its time does not make a server unready; one that does not
// end does.
func TestReadinessBearsLongWrites(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	release := sync.OnceFunc(importserver.HoldStore(r.server))
	defer release()
	noDatabase := map[string]string{"database": "there is no vulnerability database"}
	r.becomes("while another transaction writes", "", 200, noDatabase)
	importserver.BearWriters(r.server, time.Second)
	if code, ill := r.readiness(""); code != 503 || ill["store"] == "" {
		t.Errorf("while another transaction writes for too long: %d, %v", code, ill)
	}
	release()
	r.becomes("when it has ended", "", 200, noDatabase)
}

// While the blobs are away no attempt counts, however long that takes and whatever asks
// for one, and none is begun in vain again and again.
func TestWorkOutlastsBlobsThatAreAway(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir())) // three attempts, the next after milliseconds
	blobs := filepath.Join(r.dir, "blobs")
	r.imported(1)
	r.importDatabase("first")
	r.matchedWith(1, "sha256:first")
	if err := os.Rename(blobs, blobs+".away"); err != nil {
		t.Fatal(err)
	}
	r.importDatabase("second")
	if !eventually(func() bool { return attempts(t, r, 1) > 0 }) {
		t.Fatal("nobody tried it while the blobs were away")
	}
	time.Sleep(500 * time.Millisecond) // in which it could be tried again and again
	r.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			return strings.Contains(w.Message, "the blob store cannot be reached")
		}
		return false
	})
	if tried := attempts(t, r, 1); tried > 3 {
		t.Errorf("%d attempts while the blobs were away", tried)
	}
	if err := os.Rename(blobs+".away", blobs); err != nil {
		t.Fatal(err)
	}
	r.matchedWith(1, "sha256:second")
}

// What would be written to a folder that is not the one with the evidence is refused, by
// a server that runs and by one that starts.
func TestFolderThatIsNotMounted(t *testing.T) {
	o := options(t.TempDir())
	o.Store = storeOf(t, o.Dir)
	r := start(t, &engine{}, o)
	blobs := filepath.Join(r.dir, "blobs")
	r.imported(1)
	if err := errors.Join(os.Rename(blobs, blobs+".away"), os.Mkdir(blobs, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err := r.Import(t.Context(), newBundle(t, image{digest: digestOf(2), tags: []string{"a:2"}}), wire.AddOptions{})
	if fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "mounted") {
		t.Errorf("import: %v: %v, hint %q", fault.Of(err), err, fault.Hint(err))
	}
	if code, ill := r.readiness(""); code != 503 || ill["blobs"] == "" {
		t.Errorf("readiness: %d, %v", code, ill)
	}
	r.stop()
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := importserver.Open(t.Context(), o, (&engine{}).functions())
	if err == nil {
		s.Close()
	}
	if fault.Of(err) != fault.Conflict || !strings.Contains(fault.Hint(err), "mount") {
		t.Errorf("start: %v: %v, hint %q", fault.Of(err), err, fault.Hint(err))
	}
	if there, err := os.ReadDir(blobs); err != nil || len(there) > 0 {
		t.Errorf("there was written: %v, %v", there, err)
	}
	if err := errors.Join(os.Remove(blobs), os.Rename(blobs+".away", blobs)); err != nil {
		t.Fatal(err)
	}
	again := start(t, &engine{}, o)
	again.imported(2)
}

// attempts counts those at an image that came to nothing.
func attempts(t *testing.T, r *running, n int) int {
	t.Helper()
	queued, err := r.ImageQueue(t.Context(), digestOf(n))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, a := range queued.Attempts {
		if a.Outcome != "done" {
			tried++
		}
	}
	return tried
}

// However many ask, one looks; and a look that never comes back holds nobody up for
// more than its time.
func TestReadinessLoadsNothing(t *testing.T) {
	var looks atomic.Int64
	hang := make(chan struct{})
	f, wait := (&engine{}).functions(), func() {}
	f.Database = slowDatabase{f.Database, &wait}
	s, err := importserver.Open(t.Context(), options(t.TempDir()), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(hang); s.Close() })
	wait = func() { looks.Add(1); <-hang }
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { s.Ready() })
	}
	all.Wait()
	var found wire.Readiness
	if !eventually(func() bool { importserver.ForgetReadiness(s); found = s.Ready(); return found.Ready }) {
		t.Errorf("not ready: %+v", found)
	}
	if n := looks.Load(); n != 1 {
		t.Errorf("it was looked %d times, want once", n)
	}
	if c := found.Checks[2]; c.OK || !strings.Contains(c.Reason, "vulnerability database") {
		t.Errorf("a look that hangs: %+v", c)
	}
}

// slowDatabase is one whose status does not come.
type slowDatabase struct {
	importserver.Database
	wait *func()
}

func (d slowDatabase) Status(context.Context) report.Database {
	(*d.wait)()
	return report.Database{}
}
