package importserver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// waiting has analyses go on until they are cancelled; ended receives why each ended.
func waiting(e *engine) (begun chan string, ended chan error) {
	begun, ended = make(chan string, 10), make(chan error, 10)
	e.analyze = func(ctx context.Context, j importserver.Job, _ importserver.Importer) error {
		j.Progress("pull layer 3")
		begun <- j.Digest
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}
	return begun, ended
}

func TestCancelledAnalysisStopsWithinAHeartbeat(t *testing.T) {
	e := central(t)
	begun, ended := waiting(e)
	o := options(t.TempDir())
	o.Workers = 1
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-begun
	r.until(digestOf(1), func(i wire.Image) bool { return i.StatusReason == "pull layer 3" })
	var i wire.Image
	for range 2 {
		r.call("POST", wire.Path(wire.RouteCancel, digestOf(1)), "", &i)
		if i.Status != wire.AnalysisFailed || i.StatusReason != "cancelled by admin" {
			t.Errorf("cancelled: %s: %s", i.Status, i.StatusReason)
		}
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "lease") {
			t.Errorf("the analysis ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the worker goes on")
	}
	var q wire.ImageQueue
	r.call("GET", wire.Path(wire.RouteImageQueue, digestOf(1)), "", &q)
	if q.Work != nil || len(q.Attempts) != 1 || q.Attempts[0].Outcome != "cancelled" || q.Attempts[0].Worker == "" || q.StatusReason != "cancelled by admin" {
		t.Errorf("after it: %s", toJSON(t, q))
	}
	e.analyze = central(t).analyze
	for range 2 {
		r.call("POST", wire.Path(wire.RouteRetry, digestOf(1)), "", &i)
	}
	if i = r.await(digestOf(1), wire.Analyzed); i.StatusReason != "" {
		t.Errorf("after it went well: %s", i.StatusReason)
	}
	r.call("POST", wire.Path(wire.RouteCancel, digestOf(1)), "", &i)
	r.call("POST", wire.Path(wire.RouteRetry, digestOf(1)), "", &i)
	if i.Status != wire.Analyzed {
		t.Errorf("an analysed image, cancelled and tried again, is %s", i.Status)
	}
	if e := r.refused("POST", wire.Path(wire.RouteCancel, digestOf(9)), "", nil); e.Code != 404 {
		t.Errorf("an image that is not there: %+v", e)
	}
}

func TestForceAndDeleteWhileAnalysing(t *testing.T) {
	e := central(t)
	begun, ended := waiting(e)
	o := options(t.TempDir())
	o.Workers = 1
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	for range 3 {
		<-begun
		r.add("alpine", wire.AddOptions{Force: true})
		<-ended
	}
	<-begun
	var q wire.ImageQueue
	r.call("GET", wire.Path(wire.RouteImageQueue, digestOf(1)), "", &q)
	if len(q.Attempts) != 3 || q.Attempts[2].Outcome != "superseded" || q.Work == nil || q.Work.State != wire.WorkRunning || q.Work.Attempts != 1 {
		t.Errorf("asked for three times: %s", toJSON(t, q))
	}
	if _, err := r.DeleteImages(t.Context(), []string{digestOf(1)}, true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the worker goes on with an image that was deleted")
	}
}

// TestRequestsAtOnce has users ask for everything at the same time as workers work.
func TestRequestsAtOnce(t *testing.T) {
	e := central(t)
	r := start(t, e, options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range 20 {
				var err error
				switch n {
				case 0:
					_, err = r.AddImage(t.Context(), byTag("alpine"), wire.AddOptions{Force: true})
				case 1:
					_, err = r.Cancel(t.Context(), digestOf(1))
				default:
					_, err = r.Retry(t.Context(), digestOf(1))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := r.Retry(t.Context(), digestOf(1)); err != nil {
		t.Error(err)
	}
	r.await(digestOf(1), wire.Analyzed)
}

func TestQueueIsListed(t *testing.T) {
	e := central(t)
	begun, _ := waiting(e)
	o := options(t.TempDir())
	o.Workers = 1
	o.RetryDelay = time.Hour
	r := start(t, e, o)
	r.population("one", "two")
	e.resolve = func(t importserver.Target) (importserver.Resolved, error) {
		var n int
		_, err := fmt.Sscanf(t.PullString, "docker.io/i:%d", &n)
		return importserver.Resolved{Digest: digestOf(n), ImageID: digestOf(500 + n)}, err
	}
	add := func(account string, n int, bulk bool) {
		t.Helper()
		if _, err := r.server.Account(account).AddImage(t.Context(), byTag(fmt.Sprintf("i:%d", n)), wire.AddOptions{Bulk: bulk}); err != nil {
			t.Fatal(err)
		}
	}
	add("one", 1, false)
	<-begun
	add("one", 2, true)
	add("one", 3, false)
	add("two", 4, false)
	list := func(account string, f wire.QueueFilter) (all []string) {
		t.Helper()
		q, err := r.server.Account(account).Queue(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range q.Items {
			all = append(all, fmt.Sprintf("%s %s %s %s %d", strings.Join(w.Tags, ","), w.State, w.Priority, w.AccountName, w.Position))
		}
		return all
	}
	for name, test := range map[string]struct {
		account string
		filter  wire.QueueFilter
		want    []string
	}{
		"an account's": {"one", wire.QueueFilter{}, []string{
			"docker.io/i:1 running interactive one 0", "docker.io/i:3 queued interactive one 1", "docker.io/i:2 queued bulk one 2"}},
		"all": {importserver.Admin, wire.QueueFilter{AllAccounts: true}, []string{
			"docker.io/i:1 running interactive one 0", "docker.io/i:3 queued interactive one 1",
			"docker.io/i:4 queued interactive two 2", "docker.io/i:2 queued bulk one 3"}},
		"a page":  {importserver.Admin, wire.QueueFilter{AllAccounts: true, Page: 2, Limit: 2}, []string{"docker.io/i:4 queued interactive two 2", "docker.io/i:2 queued bulk one 3"}},
		"a state": {"one", wire.QueueFilter{State: wire.WorkRunning}, []string{"docker.io/i:1 running interactive one 0"}},
		"none":    {importserver.Admin, wire.QueueFilter{}, nil},
	} {
		if diff := cmp.Diff(test.want, list(test.account, test.filter)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var q wire.Queue
	r.call("GET", wire.RouteQueue+"?all_accounts=true&state=queued&limit=1", "", &q)
	if len(q.Items) != 1 || q.Running != 1 || q.Queued != 3 || q.Delayed != 0 {
		t.Errorf("%s", toJSON(t, q))
	}
	if e := r.refused("GET", wire.RouteQueue+"?all_accounts=true", "", basic("user-one", userPassword)); e.Code != 403 {
		t.Errorf("a user asks for the work of all accounts: %+v", e)
	}
	r.call("GET", wire.RouteQueue+"?limit=1001", "", &q)
	if q.Limit != 1000 {
		t.Errorf("a long page: %+v", q)
	}
	add("one", 2, false)
	if got := list("one", wire.QueueFilter{}); got[2] != "docker.io/i:2 queued interactive one 2" {
		t.Errorf("somebody waits for it now: %q", got)
	}
	e.analyze = func(context.Context, importserver.Job, importserver.Importer) error {
		return fault.New(fault.Unavailable, "down")
	}
	if _, err := r.server.Account("one").Cancel(t.Context(), digestOf(1)); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return len(list("one", wire.QueueFilter{State: wire.WorkDelayed})) == 2 }) {
		t.Fatalf("nothing is delayed: %q", list("one", wire.QueueFilter{}))
	}
	if got := list("two", wire.QueueFilter{State: wire.WorkDelayed}); len(got) > 1 || len(got) == 1 && got[0] != "docker.io/i:4 delayed interactive two 1" {
		t.Errorf("delayed: %q", got)
	}
}

func TestImagesThatAreTooLargeAreRefusedBeforeTheyArePulled(t *testing.T) {
	e := central(t)
	o := options(t.TempDir())
	o.MaxImageMB = 10
	r := start(t, e, o)
	resolve := e.resolve
	for size, code := range map[int64]int{10_004_999: 400, 10_000_001: 400, 10_000_000: 200, 0: 200} {
		e.resolve = func(t importserver.Target) (importserver.Resolved, error) {
			found, err := resolve(t)
			found.Size = size
			return found, err
		}
		if code == 200 {
			r.add("alpine", wire.AddOptions{})
			continue
		}
		got := r.refused("POST", wire.RouteImages, toJSON(t, byTag("alpine")), nil)
		delete(got.Detail, "request_id")
		delete(got.Detail, "hint")
		if diff := cmp.Diff(map[string]any{"requested_image_compressed_size_mb": 10.0, "max_compressed_image_size_mb": 10.0}, got.Detail); got.Code != code || diff != "" {
			t.Errorf("%d bytes: %+v, %s", size, got, diff)
		}
	}
}
