package e2e_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	vulndb "github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// leaseTime is short, so that a dead worker is soon known to be one, and long enough for
// one that a busy machine does not let run for a while.
const leaseTime = "15s"

// slowRegistry is a registry that holds layers back while it is told to.
type slowRegistry struct {
	t      *testing.T
	host   string
	lock   sync.Mutex
	layers map[string]bool
	open   chan struct{}
}

func newSlowRegistry(t *testing.T) *slowRegistry {
	r := &slowRegistry{t: t, layers: map[string]bool{}, open: make(chan struct{})}
	close(r.open)
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.lock.Lock()
		open, layer := r.open, r.layers[filepath.Base(req.URL.Path)]
		r.lock.Unlock()
		if layer && req.Method == http.MethodGet {
			select {
			case <-open:
			case <-req.Context().Done():
				return
			}
		}
		real.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(r.letGo)
	r.host = strings.TrimPrefix(s.URL, "http://")
	return r
}

// environment is that of a program that may use it.
func (r *slowRegistry) environment() []string {
	return []string{"TIDEPOLE_REGISTRY_AUTHORITY=" + r.host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true"}
}

// push makes an image with a package that has a vulnerability, and gives its name.
func (r *slowRegistry) push(n int) string {
	r.t.Helper()
	img := imagetest.New(r.t, imagetest.Spec{Layers: []imagetest.Layer{{
		"etc/os-release":                       {Content: "ID=debian\nVERSION_ID=\"12\"\n"},
		"app/node_modules/lodash/package.json": {Content: `{"name":"lodash","version":"4.17.20","license":"MIT"}`},
		"app/number":                           {Content: fmt.Sprint(n)},
	}}})
	full := fmt.Sprintf("%s/team/app:%d", r.host, n)
	ref, err := name.ParseReference(full, name.Insecure)
	do(r.t, err)
	do(r.t, remote.Write(ref, img))
	layers, err := img.Layers()
	do(r.t, err)
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, l := range layers {
		d, err := l.Digest()
		do(r.t, err)
		r.layers[d.String()] = true
	}
	return full
}

func (r *slowRegistry) holdBack() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.open = make(chan struct{})
}

func (r *slowRegistry) letGo() {
	r.lock.Lock()
	defer r.lock.Unlock()
	select {
	case <-r.open:
	default:
		close(r.open)
	}
}

// worker is a tidepole worker.
type worker struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    string
	ready  string
	exited chan error
}

func (u *user) work(args ...string) *worker {
	u.t.Helper()
	dir := u.t.TempDir()
	w := &worker{t: u.t, log: filepath.Join(dir, "log"), ready: filepath.Join(dir, "ready"), exited: make(chan error, 1)}
	log, err := os.Create(w.log)
	do(u.t, err)
	defer log.Close()
	w.cmd = exec.Command(program, append([]string{"worker", "--data", filepath.Join(dir, "data"), "--metrics-listen", "127.0.0.1:0", "--ready-file", w.ready, "-v"}, args...)...)
	w.cmd.Env = append(append([]string{}, u.env...), "TMPDIR="+dir)
	w.cmd.Stdout, w.cmd.Stderr = log, log
	do(u.t, w.cmd.Start())
	go func() { w.exited <- w.cmd.Wait() }()
	u.t.Cleanup(func() { w.end(syscall.SIGKILL) })
	until(u.t, "the worker's start", func() bool {
		select {
		case err := <-w.exited:
			w.exited <- err
			u.t.Fatalf("a worker ended: %v\n%s", err, w.said())
		default:
		}
		url, err := os.ReadFile(w.ready)
		return err == nil && len(url) > 0
	})
	return w
}

func (w *worker) end(signal syscall.Signal) error {
	w.cmd.Process.Signal(signal)
	select {
	case err := <-w.exited:
		w.exited <- err
		return err
	case <-time.After(time.Minute):
		w.cmd.Process.Kill()
		return fmt.Errorf("the worker does not end on %v", signal)
	}
}

func (w *worker) said() string {
	data, _ := os.ReadFile(w.log)
	return string(data[max(0, len(data)-8000):])
}

// cluster is two servers, of which one does not work, and three workers.
type cluster struct {
	t        *testing.T
	one, two *server
	workers  map[int]*worker // by process
	registry *slowRegistry
	user     *user
	args     []string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	common := t.TempDir()
	store := storetest.Schema(t, part(t, storetest.PostgresVariable))
	slow := newSlowRegistry(t)
	u := newUser(t).with(append(slow.environment(), "TIDEPOLE_STORE="+store, "TIDEPOLE_BLOBS="+filepath.Join(common, "blobs"), "TIDEPOLE_KEY_FILE="+filepath.Join(common, "key"))...)
	c := &cluster{t: t, user: u, workers: map[int]*worker{}, registry: slow, args: []string{"--lease", leaseTime, "--retry-delay", "100ms"}}
	c.one = u.with().serve(append(c.args, "--workers", "0")...)
	c.two = u.with().serve(append(c.args, "--workers", "1")...)
	for range 3 {
		c.work()
	}
	return c
}

func (c *cluster) work() {
	w := c.user.work(append(c.args, "--workers", "1", "--grace", "200ms")...)
	c.workers[w.cmd.Process.Pid] = w
}

// list is who works, as a server has it.
func (c *cluster) list() (all []wire.Worker) {
	c.one.ask("GET", "/system/workers", "", 200, &all)
	return all
}

// add has a server analyse an image, and gives its digest.
func (c *cluster) add(s *server, image string) string {
	var i wire.Image
	s.ask("POST", "/images", `{"source":{"tag":{"pull_string":"`+image+`"}}}`, 200, &i)
	return i.Digest
}

func (c *cluster) analyzed(s *server, digest string) wire.Image {
	c.t.Helper()
	var i wire.Image
	until(c.t, "the analysis of "+digest, func() bool {
		s.ask("GET", "/images/"+digest, "", 200, &i)
		if i.Status == wire.AnalysisFailed {
			c.t.Fatalf("the analysis failed: %+v", i.StatusDetail)
		}
		return i.Status == wire.Analyzed
	})
	return i
}

// taker waits until one of the workers has an image, and gives it.
func (c *cluster) taker(digest string) *worker {
	c.t.Helper()
	var found *worker
	until(c.t, "the work on "+digest, func() bool {
		for _, w := range c.list() {
			if slices.ContainsFunc(w.Work, func(t wire.WorkerTask) bool { return t.ImageDigest == digest }) {
				found = c.workers[w.PID]
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) importDatabase(s *server, args ...string) vulndb.Database {
	c.t.Helper()
	u := c.user.with("TIDEPOLE_URL=http://"+s.addr, "TIDEPOLE_PASSWORD="+adminPassword)
	u.ok(append([]string{"vulndb", "import"}, args...)...)
	var d vulndb.Database
	s.ask("GET", "/system/vulndb", "", 200, &d)
	until(c.t, "that all have the database", func() bool {
		for _, w := range c.list() {
			if w.Up && (w.Database != d.Digest || w.Message != "") {
				return false
			}
		}
		return true
	})
	return d
}

// matched waits until an image's report was made with a database.
func (c *cluster) matched(digest string, d vulndb.Database) {
	c.t.Helper()
	until(c.t, "the report with the database "+d.Digest, func() bool {
		var v wire.Vulnerabilities
		c.two.ask("GET", "/images/"+digest+"/vuln/all", "", 200, &v)
		return v.Database.Digest == d.Digest && len(v.Items) > 0
	})
}

func TestServersAndWorkersShareTheirWork(t *testing.T) {
	c := newCluster(t)
	if n := len(c.list()); n != 5 {
		t.Fatalf("%d processes are listed, not 5: %+v", n, c.list())
	}
	first := c.importDatabase(c.one, demoDB)
	var digests []string
	for n := range 6 {
		digests = append(digests, c.add([]*server{c.one, c.two}[n%2], c.registry.push(n)))
	}
	for n, d := range digests {
		c.analyzed([]*server{c.two, c.one}[n%2], d)
		c.matched(d, first)
	}

	// A worker dies at its work.
	c.registry.holdBack()
	image := c.add(c.one, c.registry.push(100))
	taker := c.taker(image)
	for taker == nil { // it is the server that works: another image will be a worker's
		image = c.add(c.one, c.registry.push(101))
		taker = c.taker(image)
	}
	taker.end(syscall.SIGKILL)
	killed := time.Now()
	until(t, "that another worker has it", func() bool {
		var i wire.Image
		c.one.ask("GET", "/images/"+image, "", 200, &i)
		n := 0
		for _, step := range i.StatusDetail {
			if step.To == wire.Analyzing {
				n++
			}
		}
		return n >= 2
	})
	t.Logf("taken up again %v after its worker was killed, with leases of %s", time.Since(killed).Round(100*time.Millisecond), leaseTime)
	c.registry.letGo()
	if history := fmt.Sprintf("%+v", c.analyzed(c.two, image).StatusDetail); !strings.Contains(history, "fell silent") {
		t.Errorf("the image's history: %s", history)
	}
	c.matched(image, first)
	delete(c.workers, taker.cmd.Process.Pid)
	c.work()

	// A worker is asked to end.
	c.registry.holdBack()
	var stopped *worker
	for n := 200; stopped == nil; n++ {
		image = c.add(c.two, c.registry.push(n))
		stopped = c.taker(image)
	}
	if err := stopped.end(syscall.SIGTERM); err != nil {
		t.Errorf("the worker ended with %v\n%s", err, stopped.said())
	}
	c.registry.letGo()
	if history := fmt.Sprintf("%+v", c.analyzed(c.one, image).StatusDetail); !strings.Contains(history, "shutting down") || strings.Contains(history, "fell silent") {
		t.Errorf("the image's history: %s", history)
	}
	for _, w := range c.list() {
		if w.PID == stopped.cmd.Process.Pid {
			t.Errorf("the worker that ended is on the list: %+v", w)
		}
	}

	// Another database, on the other server.
	newer := filepath.Join(t.TempDir(), "newer.tar.gz")
	if out, err := exec.Command("go", "run", "github.com/tidepole/tidepole/integration/vulndbtest/cmd/demodb", "-o", newer, "-age", "1h").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	second := c.importDatabase(c.two, newer)
	if second.Digest == first.Digest {
		t.Fatal("the databases are the same")
	}
	for _, d := range append(digests, image) {
		c.matched(d, second)
	}
}
