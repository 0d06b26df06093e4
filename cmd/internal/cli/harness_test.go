package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/cmd/internal/cli"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/integration/vulndbtest"
)

const password = "only-for-tests"

// TestMain is the process, too, that a server of these tests makes an analysis in.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "analysis-process" {
		os.Exit(cli.Run(context.Background(), &env.Env{
			Args: os.Args[1:], In: os.Stdin, Out: env.Stream{Writer: os.Stdout}, Err: env.Stream{Writer: os.Stderr},
			Lookup: os.LookupEnv, Now: time.Now, Version: env.Version{Number: "1.2.3"},
		}))
	}
	os.Exit(m.Run())
}

// program is this test, which runs itself once more for an analysis.
func program() string {
	name, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return name
}

// shell runs commands in this process, each with streams of its own.
type shell struct {
	t    *testing.T
	home string
	vars map[string]string
	now  func() time.Time
	in   string
	said string // by its server, when that was ready
}

func newShell(t *testing.T) *shell {
	t.Helper()
	home := t.TempDir()
	return &shell{t: t, home: home, now: time.Now, vars: map[string]string{
		"HOME": home, "TIDEPOLE_TEMP_DIR": t.TempDir(), "DOCKER_HOST": "unix:///nowhere.sock",
	}}
}

// with is the same shell with more variables, as in "A=b".
func (s *shell) with(vars ...string) *shell {
	c := *s
	c.vars = map[string]string{}
	for k, v := range s.vars {
		c.vars[k] = v
	}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		c.vars[name] = value
	}
	return &c
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

func (s *shell) run(args ...string) result {
	s.t.Helper()
	return s.runIn(context.Background(), args...)
}

func (s *shell) runIn(ctx context.Context, args ...string) result {
	s.t.Helper()
	var out, errs syncBuffer
	code := cli.Run(ctx, s.env(&out, &errs, args...))
	r := result{code, out.String(), errs.String()}
	if left, _ := os.ReadDir(s.vars["TIDEPOLE_TEMP_DIR"]); len(left) > 0 {
		s.t.Errorf("%v left behind %v", args, left)
	}
	return r
}

func (s *shell) env(out, errs *syncBuffer, args ...string) *env.Env {
	return &env.Env{
		Args: args, In: strings.NewReader(s.in), Out: env.Stream{Writer: out}, Err: env.Stream{Writer: errs},
		Lookup:  func(name string) (string, bool) { v, ok := s.vars[name]; return v, ok },
		Environ: s.environ,
		Now:     s.now,
		Version: env.Version{Number: "1.2.3"}, Program: program(),
	}
}

// environ are all variables, as NAME=VALUE.
func (s *shell) environ() (all []string) {
	for name, value := range s.vars {
		all = append(all, name+"="+value)
	}
	return all
}

// ok runs a command that must succeed, and gives its result.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != 0 {
		s.t.Fatalf("tidepole %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a command that must end with that code and say all of want on
// standard error, and nothing on standard output.
func (s *shell) fails(code int, want []string, args ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code || r.out != "" {
		s.t.Errorf("tidepole %s: exit code %d, output %q; want %d and none\n%s", strings.Join(args, " "), r.code, r.out, code, r.err)
	}
	for _, w := range want {
		if !strings.Contains(r.err, w) {
			s.t.Errorf("tidepole %s: %q is not in\n%s", strings.Join(args, " "), w, r.err)
		}
	}
	return r
}

// serve starts a server in this process and gives a shell that speaks to it.
func (s *shell) serve(args ...string) *shell {
	s.t.Helper()
	ready := filepath.Join(s.t.TempDir(), "ready")
	server := s.with("TIDEPOLE_ADMIN_PASSWORD="+password, "TIDEPOLE_TEMP_DIR="+s.t.TempDir())
	var out, errs syncBuffer
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan int, 1)
	e := server.env(&out, &errs, append([]string{"serve", "--data", s.t.TempDir(), "--listen", "127.0.0.1:0", "--ready-file", ready, "--grace", "5s"}, args...)...)
	go func() { ended <- cli.Run(ctx, e) }()
	s.t.Cleanup(func() {
		cancel(cli.Signal{Signal: syscall.SIGTERM})
		if code := <-ended; code != 0 {
			s.t.Errorf("serve ended with %d\n%s", code, errs.String())
		}
		if left, _ := os.ReadDir(server.vars["TIDEPOLE_TEMP_DIR"]); len(left) > 0 {
			s.t.Errorf("serve left behind %v", left)
		}
	})
	var url []byte
	for deadline := time.Now().Add(patience); url == nil; time.Sleep(10 * time.Millisecond) {
		url, _ = os.ReadFile(ready)
		if url == nil && time.Now().After(deadline) {
			s.t.Fatalf("the server is not ready\n%s", errs.String())
		}
	}
	c := s.with("TIDEPOLE_URL="+strings.TrimSpace(string(url)), "TIDEPOLE_PASSWORD="+password)
	c.said = errs.String()
	return c
}

// patience is how long tests wait for what happens soon, however busy the machine is.
const patience = 2 * time.Minute

// eventually waits until something is so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// small is an OCI layout with an image that has a package with a vulnerability,
// a secret and a setuid file.
func small(t *testing.T) string {
	t.Helper()
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{
		"etc/os-release":                       {Content: "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n"},
		"etc/passwd":                           {Content: "root:x:0:0:root:/root:/bin/sh\n"},
		"usr/bin/su\x1b[31m":                   {Content: "#!/bin/sh\n", Mode: 0o4755},
		"app/node_modules/lodash/package.json": {Content: `{"name":"lodash","version":"4.17.20","license":"MIT"}`},
	}}})
	return imagetest.OCIDir(t, map[string]mutate.Appendable{"": img})
}

// database is an archive with a small vulnerability database of that age.
func database(t *testing.T, age time.Duration) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "db.tar.gz")
	if err := vulndbtest.WriteArchive(name, time.Now().Add(-age)); err != nil {
		t.Fatal(err)
	}
	return name
}

// write puts text into a file of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
