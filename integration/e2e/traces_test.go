package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/importserver/store/storetest"
	"github.com/tidepole/tidepole/integration/otlptest"
)

// What a command line, the server and its worker do for one image is one trace, whose
// spans hang together; nothing secret is in it.
func TestOneTraceOverCommandLineServerAndWorker(t *testing.T) {
	receiver := otlptest.New(t)
	images := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	images.Push(t, "shop/web:1", imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"etc/os-release": {Content: "ID=debian\nVERSION_ID=\"12\"\n"}}}}))
	central := []string{"resolve", "pull", "catalog", "import", "match", "evaluate"}
	for _, way := range []way{
		{"the server analyses", nil, false, nil, "work analyze", central},
		{"another process analyses", nil, true, nil, "work analyze", central},
		{"the command line analyses", []string{"--from", "registry", "--force"}, false, []string{"resolve", "pull", "catalog"}, "work assess", []string{"match", "evaluate"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			// No process waits for long until its spans are taken: a machine that stands still loses some.
			var missing []string
			for range 5 {
				if missing = way.goneBy(t, receiver, images); len(missing) == 0 {
					return
				}
			}
			t.Error(strings.Join(missing, "\n"))
		})
	}
}

// way is who does what for an image.
type way struct {
	name   string
	args   []string
	apart  bool     // the worker is another process
	stages []string // of the command line
	work   string
	worked []string // stages of the worker
}

// goneBy adds an image that way, and tells which spans did not arrive.
func (way way) goneBy(t *testing.T, receiver *otlptest.Receiver, images *imagetest.Registry) (missing []string) {
	t.Helper()
	receiver.Forget()
	u := newUser(t).with("OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_BSP_SCHEDULE_DELAY=100",
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=only-for-the-collector",
		"TIDEPOLE_REGISTRY_AUTHORITY="+images.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true")
	service := "tidepole-serve"
	var s *server
	stopWorker := func() {}
	if way.apart {
		service = "tidepole-worker"
		s, stopWorker = apart(u)
	} else {
		s = u.serve()
	}
	u.ok(append([]string{"image", "add", images.Host + "/shop/web:1", "--wait"}, way.args...)...)
	stopWorker() // both send what is left
	s.stop()
	for _, secret := range []string{adminPassword, "only-for-the-collector"} {
		if bytes.Contains(receiver.Raw(), []byte(secret)) {
			t.Errorf("%q was sent", secret)
		}
	}
	spans := receiver.Spans()
	i := slices.IndexFunc(spans, func(s otlptest.Span) bool { return s.Name == "tidepole image add" && s.Parent == "" })
	if i < 0 {
		return []string{fmt.Sprintf("no span of the command arrived: %+v", spans)}
	}
	root := spans[i]
	tree := under(spans, root)
	for _, want := range way.stages {
		tree.has(root, "tidepole", want)
	}
	call := tree.has(root, "tidepole", "POST /v2/images")
	if way.stages != nil { // evidence is uploaded and then named
		tree.has(root, "tidepole", "POST /v2/imports/images")
	}
	handler := tree.has(call, "tidepole-serve", "add_image")
	attempt := tree.has(handler, service, way.work)
	for _, want := range way.worked {
		tree.has(attempt, service, want)
	}
	if len(tree.missing) == 0 && (handler.Attributes["http.route"] != "POST /v2/images" || attempt.Attributes["tidepole.outcome"] != "done" || attempt.Failed) {
		t.Errorf("request %v, attempt %v", handler, attempt)
	}
	return tree.missing
}

// apart starts a server that works on nothing, and a worker beside it; stop ends that.
func apart(u *user) (s *server, stop func()) {
	u.t.Helper()
	store, blobs := storetest.Schema(u.t, os.Getenv(storetest.PostgresVariable)), u.t.TempDir()
	u.env = append(u.env, "TIDEPOLE_STORE="+store, "TIDEPOLE_BLOBS="+blobs)
	s = u.serve("--workers", "0")
	worker, cancel := u.command("worker", "--data", u.t.TempDir(), "--key-file", filepath.Join(s.dir, "registry-key"))
	var said bytes.Buffer
	worker.Stdout, worker.Stderr = &said, &said
	do(u.t, worker.Start())
	u.t.Cleanup(cancel)
	return s, func() {
		u.t.Helper()
		do(u.t, worker.Process.Signal(syscall.SIGTERM))
		if err := worker.Wait(); err != nil {
			u.t.Errorf("the worker, told to end: %v\n%s", err, &said)
		}
	}
}

// spanTree is a trace.
type spanTree struct {
	below   map[string][]otlptest.Span // by the id of the parent
	missing []string                   // what has did not find
}

// under is the trace of root, without what does not hang on it.
func under(spans []otlptest.Span, root otlptest.Span) *spanTree {
	tree := &spanTree{below: map[string][]otlptest.Span{}}
	for _, s := range spans {
		if s.Trace == root.Trace {
			tree.below[s.Parent] = append(tree.below[s.Parent], s)
		}
	}
	return tree
}

// has is the child of a span that a service made.
func (tree *spanTree) has(parent otlptest.Span, service, name string) otlptest.Span {
	for _, s := range tree.below[parent.ID] {
		if s.Service == service && s.Name == name {
			return s
		}
	}
	tree.missing = append(tree.missing, fmt.Sprintf("%s has no span %q of %s below it, but %+v", parent.Name, name, service, tree.below[parent.ID]))
	return otlptest.Span{Name: name, ID: "of a span that is missing"}
}

// A collector that is not there costs a warning and three seconds at most, not the
// command; without an endpoint nothing is sent or said.
func TestTracesAreSentWhereToldOnly(t *testing.T) {
	u := newUser(t)
	for _, test := range []struct {
		name string
		env  []string
		says string
	}{
		{"nowhere", nil, ""},
		{"disabled", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_SDK_DISABLED=true"}, ""},
		{"exporter none", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_EXPORTER=none"}, ""},
		{"another protocol", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "http/protobuf"},
		{"no collector", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}, "traces not sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := u.with(test.env...).run("cache", "status")
			if r.code != 0 || test.says == "" && r.stderr != "" || !strings.Contains(r.stderr, test.says) || r.took > 20*time.Second {
				t.Errorf("exit code %d after %v: %s", r.code, r.took, r.stderr)
			}
		})
	}
	r := u.with("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1").run("image", "--help")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("help: exit code %d: %s", r.code, r.stderr)
	}
}
