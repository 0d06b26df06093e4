//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
)

// children are the processes that a process started, but for those that have ended.
func children(parent int) (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		stat, _ := os.ReadFile(name)
		head, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var pid, ppid int
		fmt.Sscan(rest, &state, &ppid)
		fmt.Sscan(head, &pid)
		if ppid == parent && state != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// halting is a registry whose one image stops in the middle while it is shut.
func halting(t *testing.T) (name string, shut *atomic.Bool, vars []string) {
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
	r.Push(t, "shop/web:1", img)
	id, err := img.ConfigName()
	do(t, err)
	config.Store(id.String())
	return r.Host + "/shop/web:1", shut, []string{"TIDEPOLE_REGISTRY_AUTHORITY=" + r.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true"}
}

// TestAnalysisCannotTakeTheServerDown kills the process of an analysis, lets one go
// beyond each limit, and kills the server in the middle of one.
func TestAnalysisCannotTakeTheServerDown(t *testing.T) {
	image, shut, vars := halting(t)
	u := newUser(t).with(vars...)
	s := u.serve()
	shut.Store(true)
	u.ok("image", "add", image)
	pid := s.cmd.Process.Pid
	until(t, "an analysis in a process of its own", func() bool { return len(children(pid)) == 1 })
	do(t, syscall.Kill(children(pid)[0], syscall.SIGKILL))
	var q wire.ImageQueue
	until(t, "the failure of the attempt", func() bool {
		q = wire.ImageQueue{}
		u.okJSON(&q, "queue", "show", image, "-o", "json-raw")
		return len(q.Attempts) > 0
	})
	if a := q.Attempts[0]; a.Outcome != "failed" || !strings.Contains(a.Reason, "signal: killed") {
		t.Errorf("the attempt: %+v", a)
	}
	u.ok("queue", "retry", image)
	until(t, "the next attempt", func() bool { return len(children(pid)) == 1 })
	last := children(pid)[0]
	s.kill()
	until(t, "the end of the analysis with its server", func() bool { return syscall.Kill(last, 0) != nil })

	for flag, value := range map[string]string{"--max-memory": "16MiB", "--analysis-time": "1s", "--max-disk": "1KiB"} {
		shut.Store(flag != "--max-disk")   // the evidence alone is larger
		s.start(flag, value, "--no-cache") // of what was kept from the one before, no layer would be waited for
		r := u.run("image", "add", image, "--force", "--wait")
		if r.code == 0 || !strings.Contains(r.stderr, "the analysis of image") || !strings.Contains(r.stderr, flag) {
			t.Errorf("beyond %s: %+v", flag, r)
		}
		u.ok("system", "status")
		s.stop()
	}
	shut.Store(false)
	s.start()
	u.ok("image", "add", image, "--wait")
}
