package importserver_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/store/storetest"
	"github.com/tidepole/tidepole/importserver/transfer"
)

// together are processes on one PostgreSQL store and one folder of blobs, each with a
// data directory of its own.
type together struct {
	t     *testing.T
	store string
	blobs string
	key   string        // of the first
	lease time.Duration // 0: long
}

func newTogether(t *testing.T) *together {
	return &together{t: t, store: storetest.Schema(t, os.Getenv(storetest.PostgresVariable)), blobs: t.TempDir()}
}

// options are those of one more process.
func (g *together) options() importserver.Options {
	g.t.Helper()
	o := options(g.t.TempDir())
	o.Store, o.Blobs, o.KeyFile = g.store, g.blobs, g.key
	if g.key == "" {
		g.key = filepath.Join(o.Dir, importserver.KeyFile)
	}
	if g.lease > 0 {
		o.LeaseTime = g.lease
	}
	return o
}

func (g *together) start(e *engine) *running { g.t.Helper(); return start(g.t, e, g.options()) }

// worker is a process that only works.
func (g *together) worker(e *engine) *running {
	g.t.Helper()
	o := g.options()
	o.WorkOnly = true
	return start(g.t, e, o)
}

// imported brings an image in.
func (r *running) imported(n int) {
	r.t.Helper()
	b := newBundle(r.t, image{digest: digestOf(n), tags: []string{"a:1"}})
	if _, err := r.Import(r.t.Context(), b, wire.AddOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

// matchedWith waits until an image's report was made with a database.
func (r *running) matchedWith(n int, database string) {
	r.t.Helper()
	var last string
	if !eventually(func() bool {
		v, err := r.Vulnerabilities(context.Background(), digestOf(n), wire.VulnerabilityFilter{})
		if err != nil && fault.Of(err) != fault.NotFound && fault.Of(err) != fault.Invalid {
			r.t.Fatal(err)
		}
		if last = ""; len(v.Items) > 0 {
			last = v.Items[0].ID
		}
		return last == "CVE-1 by "+database
	}) {
		r.t.Fatalf("image %d was matched with %q, not with %s", n, last, database)
	}
}

func (r *running) importDatabase(name string) {
	r.t.Helper()
	if _, err := r.ImportDatabase(context.Background(), strings.NewReader(name), name, ""); err != nil {
		r.t.Fatal(err)
	}
}

// workers are the processes by their names, once ok says that they are as they should be.
func (r *running) workers(ok func(map[string]wire.Worker) bool) map[string]wire.Worker {
	r.t.Helper()
	var all map[string]wire.Worker
	if !eventually(func() bool {
		list, err := r.Workers(context.Background())
		if err != nil {
			r.t.Fatal(err)
		}
		all = map[string]wire.Worker{}
		for _, w := range list {
			all[w.Name] = w
		}
		return ok(all)
	}) {
		r.t.Fatalf("the workers are %+v", all)
	}
	return all
}

// endless is an engine whose analyses end only when they are ended; at tells that one
// began.
func endless(t *testing.T) (e *engine, at <-chan struct{}) {
	began := make(chan struct{}, 10)
	e = central(t)
	e.analyze = func(ctx context.Context, _ importserver.Job, _ importserver.Importer) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	return e, began
}

func TestProcessesNeedOneKey(t *testing.T) {
	g := newTogether(t)
	g.start(&engine{})
	key := g.key
	g.key = filepath.Join(t.TempDir(), "no-such-key")
	for name, prepare := range map[string]func(){
		"none":    func() {},
		"another": func() { os.WriteFile(g.key, []byte(strings.Repeat("k", 32)), 0o600) },
	} {
		os.Remove(g.key)
		prepare()
		s, err := importserver.Open(t.Context(), g.options(), (&engine{}).functions())
		if err == nil {
			s.Close()
		}
		if !strings.Contains(fault.Hint(err), "--key-file") {
			t.Errorf("%s: %v (%s)", name, err, fault.Hint(err))
		}
	}
	g.key = key
	g.start(&engine{})
}

func TestProcessesNeedTheSameBlobs(t *testing.T) {
	g := newTogether(t)
	g.start(&engine{})
	o := g.options()
	o.Blobs = t.TempDir()
	s, err := importserver.Open(t.Context(), o, (&engine{}).functions())
	if err == nil {
		s.Close()
	}
	if fault.Of(err) != fault.Conflict || !strings.Contains(fault.Hint(err), "--blobs") {
		t.Errorf("%v", err)
	}
	g.start(&engine{})
}

func TestAWorkerNeedsAStoreThatIsShared(t *testing.T) {
	o := options(t.TempDir())
	o.WorkOnly = true
	s, err := importserver.Open(t.Context(), o, (&engine{}).functions())
	if err == nil {
		s.Close()
	}
	if fault.Of(err) != fault.Unsupported || !strings.Contains(fault.Hint(err), "--store") {
		t.Errorf("%v", err)
	}
}

// A server that is given a new store while its folder has images leaves them behind only
// where it is told to.
func TestImagesAreNotLeftBehind(t *testing.T) {
	g, o := newTogether(t), options(t.TempDir())
	if os.Getenv(rowsVariable) != "" {
		t.Skip("the rows are not in SQLite")
	}
	alone := start(t, &engine{}, o)
	alone.imported(1)
	alone.stop()
	if err := alone.server.Close(); err != nil {
		t.Fatal(err)
	}
	shared := g.options()
	shared.Dir = o.Dir
	try := func(o importserver.Options) error {
		t.Helper()
		s, err := importserver.Open(t.Context(), o, (&engine{}).functions())
		if err == nil {
			s.Close()
		}
		return err
	}
	for range 2 { // to be refused is not to begin
		if err := try(shared); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "1 that were never moved") || !strings.Contains(fault.Hint(err), "system migrate") {
			t.Errorf("%v, hint %q", err, fault.Hint(err))
		}
	}
	other := newTogether(t).options()
	other.Dir = alone.dir
	other.NewStore = true
	if err := try(other); err != nil {
		t.Errorf("told to begin anew: %v", err)
	}
	to := transfer.Place{Store: shared.Store, Blobs: shared.Blobs}
	if _, err := transfer.Move(t.Context(), transfer.Place{Dir: o.Dir}, to, transfer.Options{Temp: t.TempDir(), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if err := try(shared); err != nil {
		t.Errorf("after they were moved: %v", err)
	}
}

func TestServersKnowTheSameUsers(t *testing.T) {
	g := newTogether(t)
	one, o := g.start(&engine{}), g.options()
	o.AdminPassword = ""
	two := start(t, &engine{}, o)
	if two.server.PasswordFile() != "" {
		t.Error("a second server made a password of its own")
	}
	one.population("team")
	user := basic("user-team", userPassword)
	for range 2 { // the second time it is remembered
		if code := two.status("GET", "/v2/user", "", user); code != 200 {
			t.Fatalf("a user of the other server: %d", code)
		}
	}
	var key wire.APIKey
	_, text := one.request("POST", "/v2/user/api-keys", strings.NewReader(`{"name":"ci","expires_at":"2999-01-01T00:00:00Z"}`), user)
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		t.Fatal(err)
	}
	byKey := basic(wire.KeyUser, key.Value)
	if code := two.status("GET", "/v2/images", "", byKey); code != 200 {
		t.Errorf("by a key of the other server: %d", code)
	}
	one.status("PATCH", "/v2/user/api-keys/ci", `{"status":"revoked"}`, user)
	if code := two.status("GET", "/v2/images", "", byKey); code != 401 {
		t.Errorf("by a key that the other server revoked: %d", code)
	}
	one.call("POST", "/v2/accounts/team/users/user-team/credentials", `{"type":"password","value":"a-new-password"}`, nil)
	if code := two.status("GET", "/v2/user", "", user); code != 401 {
		t.Errorf("by the password from before: %d", code)
	}

	o = g.options()
	o.AdminPassword = "another password of admin"
	start(t, &engine{}, o)
	for _, r := range []*running{one, two} {
		if code := r.status("GET", "/v2/user", "", basic(importserver.Admin, o.AdminPassword)); code != 200 {
			t.Errorf("by the password of admin that a third server was given: %d", code)
		}
		if code := r.status("GET", "/v2/user", "", nil); code != 401 {
			t.Errorf("by his password from before: %d", code)
		}
	}
}

func TestAllProcessesMatchWithOneDatabase(t *testing.T) {
	g := newTogether(t)
	one, two := g.start(&engine{}), g.start(&engine{})
	worker := g.worker(&engine{})
	one.imported(1)
	one.await(digestOf(1), wire.Analyzed)
	one.importDatabase("first")
	one.matchedWith(1, "sha256:first")
	all := one.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Database != "sha256:first" || w.Message != "" {
				return false
			}
		}
		return len(all) == 3
	})
	kinds := map[string]int{}
	for _, w := range all {
		kinds[w.Kind]++
	}
	if kinds[wire.ProcessServer] != 2 || kinds[wire.ProcessWorker] != 1 {
		t.Errorf("kinds: %v", kinds)
	}
	two.importDatabase("second")
	one.matchedWith(1, "sha256:second")
	two.imported(2)
	two.matchedWith(2, "sha256:second")
	for _, r := range []*running{one, two, worker} {
		eventually(func() bool { return r.engine.Status(t.Context()).Digest == "sha256:second" })
		if d := r.engine.Status(t.Context()); d.Digest != "sha256:second" || d.Source != "second" {
			t.Errorf("a process has %+v", d)
		}
	}
	late := g.worker(&engine{}) // it gets the database from nowhere else
	late.workers(func(all map[string]wire.Worker) bool {
		n := 0
		for _, w := range all {
			if w.Database == "sha256:second" {
				n++
			}
		}
		return n == 4
	})
	if services, err := one.Services(t.Context(), "", ""); err != nil || len(services) != 4 {
		t.Errorf("services: %+v, %v", services, err)
	}
	late.stop()
	if services, err := one.Services(t.Context(), "tidepole-worker", "host"); err != nil || len(services) != 1 || !services[0].Up {
		t.Errorf("services, once a worker ended: %+v, %v", services, err)
	}
}

// A process that matched with another database than the published one, for it had not
// seen yet that there is another, replaces no report, and the image is matched again.
func TestReportOfAnOlderDatabaseReplacesNone(t *testing.T) {
	g := newTogether(t)
	o := g.options()
	o.Workers = -1
	server := start(t, &engine{}, o)
	server.importDatabase("second")
	quick := g.worker(&engine{})
	server.imported(1)
	server.matchedWith(1, "sha256:second")
	quick.stop()

	var lock sync.Mutex
	var seen []string
	late := &engine{}
	late.onMatch = func(ctx context.Context) error {
		v, err := server.Vulnerabilities(ctx, digestOf(1), wire.VulnerabilityFilter{})
		lock.Lock()
		defer lock.Unlock()
		if err == nil && len(v.Items) == 1 {
			seen = append(seen, v.Items[0].ID)
		} else {
			seen = append(seen, "none, for it is being analysed")
		}
		return ctx.Err()
	}
	o = g.options()
	o.Heartbeat, o.LeaseTime, o.WorkOnly = time.Hour, 4*time.Hour, true // it looks for another database each half hour
	start(t, late, o)
	eventually(func() bool { return late.Status(t.Context()).Present })
	late.lock.Lock()
	late.now.Digest = "sha256:first"
	late.lock.Unlock()
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	if _, err := server.Import(t.Context(), b, wire.AddOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	looks := func() int {
		lock.Lock()
		defer lock.Unlock()
		return len(seen)
	}
	if !eventually(func() bool { return looks() >= 2 }) {
		t.Fatalf("it was matched %d times", looks())
	}
	server.workers(func(all map[string]wire.Worker) bool { // that has ended
		for _, w := range all {
			if len(w.Work) > 0 {
				return false
			}
		}
		return true
	})
	server.matchedWith(1, "sha256:second")
	want := []string{"none, for it is being analysed", "CVE-1 by sha256:second"}
	lock.Lock()
	defer lock.Unlock()
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the report, whenever the image was matched: %s", diff)
	}
}

// A process that cannot have the published database takes no work, and says why.
func TestWorkerWithoutTheDatabaseTakesNoWork(t *testing.T) {
	g := newTogether(t)
	o := g.options()
	o.Workers = 1
	server := start(t, &engine{}, o)
	broken := &engine{}
	broken.refuse = errors.New("the disk is full")
	g.worker(broken)
	server.places(3)
	server.importDatabase("first")
	server.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Kind == wire.ProcessWorker && strings.Contains(w.Message, "sha256:first") {
				return true
			}
		}
		return false
	})
	server.places(1)
	for n := range 5 {
		server.imported(n + 1)
	}
	for n := range 5 {
		server.matchedWith(n+1, "sha256:first")
	}
	if n := broken.matched.Load(); n != 0 {
		t.Errorf("it matched %d images", n)
	}
	broken.lock.Lock()
	broken.refuse = nil
	broken.lock.Unlock()
	server.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Message != "" || w.Database != "sha256:first" {
				return false
			}
		}
		return len(all) == 2
	})
	server.places(3)
}

// Where nobody takes work, a server says so, however many processes live.
func TestReadinessSeesThatNobodyTakesWork(t *testing.T) {
	g := newTogether(t)
	o := g.options()
	o.Workers = -1
	server := start(t, &engine{}, o)
	broken := &engine{}
	broken.refuse = errors.New("the disk is full")
	g.worker(broken)
	server.places(2)
	server.importDatabase("first")
	server.places(0)
	server.becomes("when nobody does", "?strict=true", 503, map[string]string{"workers": "no process that takes work is alive"})
	broken.lock.Lock()
	broken.refuse = nil
	broken.lock.Unlock()
	server.places(2)
	server.becomes("when one does", "?strict=true", 200, map[string]string{})
}

// places waits until the metric of places that take work is as it should be.
func (r *running) places(want int) {
	r.t.Helper()
	r.metrics(fmt.Sprintf("\ntidepole_work_places %d\n", want))
}

func TestWorkOfADeadWorkerIsDoneByAnother(t *testing.T) {
	g := newTogether(t)
	g.lease = shortLease
	o := g.options()
	o.Workers = -1
	server := start(t, central(t), o)
	dying, at := endless(t)
	worker := g.worker(dying)
	server.add("r.io/a:1", wire.AddOptions{})
	<-at
	server.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Kind == wire.ProcessWorker && len(w.Work) == 1 && w.Work[0].ImageDigest == digestOf(1) && w.Work[0].Account == importserver.Admin {
				return true
			}
		}
		return false
	})
	worker.server.Abandon()
	g.worker(central(t))
	i := server.await(digestOf(1), wire.Analyzed)
	if history := toJSON(t, i.StatusDetail); !strings.Contains(history, "fell silent") {
		t.Errorf("the image's history: %s", history)
	}
	server.workers(func(all map[string]wire.Worker) bool {
		up := 0
		for _, w := range all {
			if w.Up {
				up++
			}
		}
		return len(all) == 3 && up == 2
	})
	for _, want := range []int{200, 400} { // the dead one, and then none that is
		if code := server.status("DELETE", "/v2/system/services/tidepole-worker/host", "", nil); code != want {
			t.Errorf("delete services of which one is up: %d, want %d", code, want)
		}
	}
	server.workers(func(all map[string]wire.Worker) bool { return len(all) == 2 })
}

// Work of a dead worker is taken back also while the removal of rubbish stands still.
func TestNothingHoldsUpWorkOfADeadWorker(t *testing.T) {
	g := newTogether(t)
	g.lease = shortLease
	o := g.options()
	o.Workers, o.Housekeeping = -1, 20*time.Millisecond
	server := start(t, central(t), o)
	dying, at := endless(t)
	worker := g.worker(dying)
	server.add("r.io/a:1", wire.AddOptions{})
	<-at
	db, err := sql.Open("pgx", g.store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	locked, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Rollback()
	if _, err := locked.Exec(`LOCK TABLE operations IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { // the server begins to remove rubbish
		var waiting bool
		if err := locked.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'operations'::regclass AND NOT granted)`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		return waiting
	}) {
		t.Fatal("nobody removes rubbish")
	}
	worker.server.Abandon()
	i := server.until(digestOf(1), func(i wire.Image) bool { return i.Status == wire.NotAnalyzed })
	if !strings.Contains(i.StatusReason, "fell silent") {
		t.Errorf("the image waits: %s", i.StatusReason)
	}
}

// A server that is killed while it fetches a database keeps others from it for a lease.
func TestADeadServerBlocksNoDownload(t *testing.T) {
	g := newTogether(t)
	g.lease = 3 * shortLease // so that it lasts while the machine stands still
	fetching, never := make(chan struct{}), make(chan struct{})
	dying := &engine{}
	dying.onUpdate = func() { close(fetching); <-never }
	one, two := g.start(dying), g.start(&engine{})
	go one.server.Account(importserver.Admin).UpdateDatabase(context.Background())
	defer close(never)
	<-fetching
	update := func() error {
		_, err := two.server.Account(importserver.Admin).UpdateDatabase(t.Context())
		return err
	}
	db, err := sql.Open("pgx", g.store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	until := func() (end int64) {
		t.Helper()
		if err := db.QueryRow(`SELECT until FROM chores WHERE name = 'vulnerability database' AND holder = $1`, one.server.Name()).Scan(&end); err != nil {
			t.Fatal(err)
		}
		return end
	}
	first := until()
	if !eventually(func() bool {
		if err := update(); fault.Of(err) != fault.Conflict {
			t.Fatalf("while another server fetches one: %v", err)
		}
		return until() > first
	}) {
		t.Fatal("who fetches one does not prolong the time that it is his to")
	}
	one.server.Abandon()
	if !eventually(func() bool { err = update(); return err == nil }) {
		t.Fatalf("long after a server that fetched one died: %v", err)
	}
}

// What came with a data folder, and others do not have, is fetched and published by the next update.
func TestAnUpdatePublishesWhatWasNot(t *testing.T) {
	g := newTogether(t)
	alone := &engine{}
	alone.now = report.Database{Present: true, Digest: "sha256:first"}
	one, two := g.start(alone), g.start(&engine{})
	if _, err := one.server.Account(importserver.Admin).UpdateDatabase(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Database != "sha256:first" {
				return false
			}
		}
		return len(all) == 2
	})
}

// A server that has not got the published database yet does not answer by the one
// before when an image is to be matched anew.
func TestAServerThatLagsBehindMatchesNothingAnew(t *testing.T) {
	g := newTogether(t)
	server := g.start(&engine{})
	server.importDatabase("second")
	server.imported(1)
	server.matchedWith(1, "sha256:second")
	o := g.options()
	o.Workers = -1
	late := start(t, &engine{}, o)
	late.workers(func(map[string]wire.Worker) bool { return late.engine.Status(t.Context()).Present })
	late.engine.lock.Lock()
	late.engine.now.Digest, late.engine.refuse = "sha256:first", errors.New("the disk is full")
	late.engine.lock.Unlock()
	_, err := late.Vulnerabilities(t.Context(), digestOf(1), wire.VulnerabilityFilter{Refresh: true})
	if fault.Of(err) != fault.Unavailable || fault.Hint(err) == "" {
		t.Errorf("matched anew with an older database: %v (%s)", err, fault.Hint(err))
	}
	server.matchedWithNow(1, "sha256:second")
}

// A server that cannot publish a database does not use it either.
func TestADatabaseThatIsNotPublishedIsNotUsed(t *testing.T) {
	for _, before := range []string{"", "first"} {
		g := newTogether(t)
		one, two := g.start(&engine{}), g.start(&engine{})
		has := func(r *running, want string) {
			t.Helper()
			r.workers(func(map[string]wire.Worker) bool { return r.engine.Status(t.Context()).Digest == want })
		}
		want := ""
		if before != "" {
			want = "sha256:" + before
			one.importDatabase(before)
			has(two, want)
		}
		if err := os.Rename(g.blobs, g.blobs+".away"); err != nil {
			t.Fatal(err)
		}
		_, err := one.ImportDatabase(t.Context(), strings.NewReader("second"), "second", "")
		if fault.Of(err) != fault.Unavailable || fault.Hint(err) == "" {
			t.Errorf("without the blob store: %v (%s)", err, fault.Hint(err))
		}
		if d := one.engine.Status(t.Context()); d.Digest != want {
			t.Errorf("it uses %q all the same, formerly %q", d.Digest, want)
		}
		if err := os.Rename(g.blobs+".away", g.blobs); err != nil {
			t.Fatal(err)
		}
		one.importDatabase("second")
		has(one, "sha256:second")
		has(two, "sha256:second")
	}
}

// A server that ends between the publication of a database and its use gets it as the
// others do.
func TestADatabaseIsPublishedBeforeItIsUsed(t *testing.T) {
	g := newTogether(t)
	dying := &engine{}
	dying.onAccepted = func() error { return errors.New("the disk is full") }
	one, two := g.start(dying), g.start(&engine{})
	if _, err := one.ImportDatabase(t.Context(), strings.NewReader("first"), "first", ""); err == nil {
		t.Error("that it is not used is not told")
	}
	for _, r := range []*running{one, two} {
		r.workers(func(map[string]wire.Worker) bool { return r.engine.Status(t.Context()).Digest == "sha256:first" })
	}
	one.imported(1)
	one.matchedWith(1, "sha256:first")
}

// A database that came with a data folder, and that others cannot have, is what all images
// are matched with, and it is told what to do.
func TestADatabaseThatOthersCannotHave(t *testing.T) {
	g := newTogether(t)
	with, without := &engine{}, &engine{}
	with.now = report.Database{Present: true, Digest: "sha256:first"}
	one := g.start(with)
	told := func(r *running, text string) {
		t.Helper()
		r.workers(func(all map[string]wire.Worker) bool { return strings.Contains(all[r.server.Name()].Message, text) })
	}
	told(one, "import it once more")
	two := g.start(without)
	told(two, "sha256:first was never published")
	for n := range 5 {
		two.imported(n + 1)
		two.matchedWith(n+1, "sha256:first")
	}
	if n := without.matched.Load(); n != 0 {
		t.Errorf("the process without it matched %d images", n)
	}
	one.importDatabase("first")
	one.workers(func(all map[string]wire.Worker) bool {
		for _, w := range all {
			if w.Message != "" || w.Database != "sha256:first" {
				return false
			}
		}
		return len(all) == 2
	})
}

// Two processes delete the same account at once: neither takes the other's turn for the
// end of it, and the next account of that name begins with nothing.
func TestTwoProcessesDeleteAnAccount(t *testing.T) {
	g := newTogether(t)
	first, second := open(t, &engine{}, g.options()), open(t, &engine{}, g.options())
	admin, ctx := first.Account(importserver.Admin), t.Context()
	for range 3 {
		if _, err := admin.AddAccount(ctx, wire.AccountRequest{Name: "one"}); err != nil {
			t.Fatal(err)
		}
		one := first.Account("one")
		if left, err := one.Images(ctx, wire.ImageFilter{}); err != nil || len(left) > 0 {
			t.Fatalf("a new account has %d images: %v", len(left), err)
		}
		for n := range 120 { // of which 50 go at a time
			b := newBundle(t, image{digest: digestOf(n), tags: []string{fmt.Sprintf("a:%d", n)}})
			if _, err := one.Import(ctx, b, wire.AddOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := admin.SetAccountState(ctx, "one", wire.AccountDisabled); err != nil {
			t.Fatal(err)
		}
		if err := admin.DeleteAccount(ctx, "one"); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		for _, s := range []*importserver.Server{first, second} {
			both.Go(func() {
				if err := s.Tidy(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if _, err := admin.AccountInfo(ctx, "one"); fault.Of(err) != fault.NotFound {
			t.Errorf("afterwards: %v", err)
		}
	}
}
