package cli_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
)

// gate is a registry that has one image and gives none of its layers while it is shut.
func gate(t *testing.T) (name string, shut *atomic.Bool, vars []string) {
	t.Helper()
	shut = &atomic.Bool{}
	var config atomic.Value
	config.Store("")
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if shut.Load() && strings.Contains(req.URL.Path, "/blobs/") && !strings.HasSuffix(req.URL.Path, config.Load().(string)) {
				<-req.Context().Done()
				return
			}
			next.ServeHTTP(w, req)
		})
	}})
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"etc/os-release": {Content: "ID=debian\nVERSION_ID=\"12\"\n"}}}})
	r.Push(t, "team/app:1", img)
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	config.Store(id.String())
	return r.Host + "/team/app:1", shut, []string{"TIDEPOLE_REGISTRY_AUTHORITY=" + r.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true"}
}

func TestQueueCommands(t *testing.T) {
	t.Parallel()
	name, shut, vars := gate(t)
	s := newShell(t).with(vars...).serve()
	shut.Store(true)
	digest := match(t, s.ok("image", "add", name), `(?m)^Digest: (sha256:[0-9a-f]{64})$`)
	var q wire.Queue
	eventually(t, "nobody takes it up", func() bool {
		decode(t, s.ok("queue", "list", "-o", "json-raw"), &q)
		return q.Running > 0
	})
	if len(q.Items) != 1 || q.Items[0].Digest != digest || q.Items[0].State != wire.WorkRunning || q.Items[0].Tags[0] != name {
		t.Errorf("the queue is %+v", q)
	}
	match(t, s.ok("queue", "list"), `analyze +running +interactive`)
	match(t, s.ok("queue", "list", "--all-accounts", "-s", "running", "--limit", "0", "-o", "csv"), `(?m)^admin,`)
	match(t, s.ok("queue", "show", name), `(?m)^Work: analyze, running, interactive$`)

	waited := make(chan result, 1)
	other := s.with("TIDEPOLE_TEMP_DIR=" + t.TempDir())
	go func() { waited <- other.run("image", "add", name, "--wait", "--annotation", "waiter=other") }()
	// An image that is added after it was cancelled is analysed again: it has to be added before.
	eventually(t, "the other command's request is not recorded", func() bool {
		var image wire.Image
		decode(t, s.ok("image", "get", name, "-o", "json-raw"), &image)
		return image.Annotations["waiter"] == "other"
	})
	match(t, s.ok("queue", "cancel", name), `failed: cancelled by admin`)
	match(t, s.ok("queue", "cancel", digest, "-o", "id"), digest)
	r := <-waited
	if r.code == 0 || !strings.Contains(r.err, "cancelled by admin") || !strings.Contains(r.err, "tidepole queue retry") {
		t.Errorf("who waited for it is told: %+v", r)
	}
	match(t, s.ok("queue", "show", name), `(?m)analyze +1 +cancelled .*cancelled by admin`)
	if got := s.run("queue", "list"); got.out != "" || !strings.Contains(got.err, "0 running, 0 queued, 0 delayed") {
		t.Errorf("an empty queue: %+v", got)
	}

	shut.Store(false)
	s.ok("queue", "retry", name)
	match(t, s.ok("image", "add", name, "--wait"), `(?m)^Status: analyzed`)
	s.fails(1, []string{"no image is named"}, "queue", "cancel")
	s.fails(1, []string{"the server has no image"}, "queue", "retry", "none.example/a:1")
	var shown wire.ImageQueue
	decode(t, s.ok("queue", "show", digest, "-o", "json-raw"), &shown)
	if len(shown.Attempts) != 2 || shown.Work != nil || shown.Status != wire.Analyzed {
		t.Errorf("in the end: %+v", shown)
	}
}
