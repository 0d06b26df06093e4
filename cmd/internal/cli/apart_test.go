//go:build linux

package cli_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
)

// analyses are the processes that the servers of this test make analyses in.
func analyses(t *testing.T) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		line, _ := os.ReadFile(name)
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var parent, pid int
		fmt.Sscan(rest, &state, &parent)
		fmt.Sscan(filepath.Base(filepath.Dir(name)), &pid)
		if strings.Contains(string(line), "analysis-process") && parent == os.Getpid() && state != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKilledAnalysisIsAFailedAttempt has no other test beside it: it looks for the
// processes that servers of this process start.
func TestKilledAnalysisIsAFailedAttempt(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	name, shut, vars := gate(t)
	// All that is called NO is the server's own business.
	vars = append(vars, "AWS_SECRET_ACCESS_KEY=NO", "AWS_SESSION_TOKEN=NO", "PGPASSWORD=NO", "GITHUB_TOKEN=NO", "OTEL_EXPORTER_OTLP_HEADERS=NO",
		"TIDEPOLE_LIMITS_ENV=ECR_*,Helper_Region,TIDEPOLE_*", "ECR_TOKEN=asked", "HELPER_REGION=asked", "https_proxy=http://127.0.0.1:1")
	s := newShell(t).with(vars...).serve("--retry-delay", "1h") // nothing is tried again but on request
	shut.Store(true)
	digest := match(t, s.ok("image", "add", name), `(?m)^Digest: (sha256:[0-9a-f]{64})$`)
	var pids []int
	var environ []byte
	var err error
	eventually(t, "no process is started", func() bool {
		if pids = analyses(t); len(pids) == 1 {
			environ, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", pids[0]))
		}
		return len(environ) > 0 // it is not there yet when the name is
	})
	if err != nil || strings.Contains(string(environ), "TIDEPOLE") || strings.Contains(string(environ), "=NO\x00") {
		t.Errorf("the process's environment: %q, %v", environ, err)
	}
	for _, want := range []string{"GOMEMLIMIT=", "HOME=", "ECR_TOKEN=asked", "HELPER_REGION=asked", "https_proxy="} {
		if !strings.Contains(string(environ), want) {
			t.Errorf("the process's environment lacks %s: %q", want, environ)
		}
	}
	eventually(t, "the process does not offer itself to be ended first", func() bool {
		adj, _ := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pids[0]))
		return strings.TrimSpace(string(adj)) == "800"
	})
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var q wire.ImageQueue
	eventually(t, "the attempt does not fail", func() bool {
		q = wire.ImageQueue{}
		decode(t, s.ok("queue", "show", digest, "-o", "json-raw"), &q)
		return len(q.Attempts) == 1
	})
	if a := q.Attempts[0]; a.Outcome != "failed" || !strings.Contains(a.Reason, "its process ended with signal: killed") || q.Status != wire.NotAnalyzed {
		t.Errorf("after it was killed: %+v", q)
	}
	left := filepath.Join(s.home, ".cache", "tidepole", "evidence-v1", "pending", "layer-0123456789abcdef")
	leave := func() {
		if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o700), os.WriteFile(left, []byte("a secret"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	s.ok("queue", "retry", name)
	eventually(t, "no process is started again", func() bool { return len(analyses(t)) == 1 })
	eventually(t, "the process does not open the cache", func() bool { _, err := os.Stat(left); return err != nil })
	leave() // as the process may that is about to be ended
	s.ok("queue", "cancel", name)
	eventually(t, "a cancelled analysis goes on", func() bool { return len(analyses(t)) == 0 })
	eventually(t, "what a process left that was ended stays", func() bool { _, err := os.Stat(left); return err != nil })
	shut.Store(false)
	s.ok("queue", "retry", name)
	match(t, s.ok("image", "add", name, "--wait"), `(?m)^Status: analyzed`)
	match(t, s.ok("system", "status"), `(?m)^Status: up$`)
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("a server that analyses in other processes has its own garbage collected at %d percent", got)
	}
}

func TestAnalysisBeyondItsLimitsFailsForGood(t *testing.T) {
	for flag, value := range map[string]string{"--max-memory": "16MiB", "--max-disk": "1KiB", "--analysis-time": "500ms"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			name, shut, vars := gate(t)
			s := newShell(t).with(vars...).serve(flag, value)
			shut.Store(flag != "--max-disk") // the evidence alone is larger
			r := s.run("image", "add", name, "--wait")
			if r.code == 0 || !strings.Contains(r.err, flag) || !strings.Contains(r.err, "analyze: analyse "+name[:strings.LastIndex(name, ":")]) {
				t.Errorf("beyond the limit: %+v", r)
			}
			var q wire.ImageQueue
			decode(t, s.ok("queue", "show", name, "-o", "json-raw"), &q)
			if len(q.Attempts) != 1 || q.Status != wire.AnalysisFailed {
				t.Errorf("beyond the limit: %+v", q)
			}
		})
	}
}

// What an analysis writes where nobody sees it counts, too: files without a name, and
// what is not an entry of the cache yet.
func TestContentsOfLayersCountAsDisk(t *testing.T) {
	t.Parallel()
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	noise := make([]byte, 6<<20)
	rand.Read(noise)
	r.Push(t, "team/app:1", imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"noise": {Content: string(noise)}}}}))
	for _, off := range []string{"true", "false"} {
		s := newShell(t).with("TIDEPOLE_REGISTRY_AUTHORITY="+r.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true", "TIDEPOLE_NO_CACHE="+off)
		small := s.serve("--max-disk", "3MiB")
		if r := small.run("image", "add", r.Host+"/team/app:1", "--wait"); r.code == 0 || !strings.Contains(r.err, "temporary files took more than 3MiB of disk (--max-disk of the server") {
			t.Errorf("beyond the limit: %+v", r)
		}
		s.serve("--max-disk", "16MiB").ok("image", "add", r.Host+"/team/app:1", "--wait")
	}
}

func TestLargeImagesAreNotPulled(t *testing.T) {
	t.Parallel()
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	noise := make([]byte, 1_500_000)
	rand.Read(noise)
	r.Push(t, "team/app:1", imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"noise": {Content: string(noise)}}}}))
	open := newShell(t).with("TIDEPOLE_REGISTRY_AUTHORITY="+r.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true")
	s := open.serve("--max-compressed-image-size-mb", "1")
	s.fails(1, []string{"Image size is too large", "1.5 MB, and may have 1", "--max-compressed-image-size-mb"}, "image", "add", r.Host+"/team/app:1")
	s.ok("image", "add", r.Host+"/team/app:1", "--from", "registry", "--wait")
	open.serve().ok("image", "add", r.Host+"/team/app:1", "--wait")
}
