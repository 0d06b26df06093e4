package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	adminPassword = "only-for-these-tests"
	commandTime   = 5 * time.Minute
)

// user is somebody at a shell: a home folder of their own, and variables.
type user struct {
	t    *testing.T
	home string
	env  []string
}

func newUser(t *testing.T) *user {
	t.Helper()
	home := t.TempDir()
	tmp := filepath.Join(home, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	return &user{t: t, home: home, env: []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_CACHE_HOME=" + filepath.Join(home, ".cache"),
		"TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH"), "DOCKER_CONFIG=" + filepath.Join(home, ".docker"),
	}}
}

// with is the same user with more variables.
func (u *user) with(env ...string) *user {
	v := *u
	v.env = append(append([]string{}, u.env...), env...)
	return &v
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// run runs tidepole to its end.
func (u *user) run(args ...string) result {
	u.t.Helper()
	cmd, cancel := u.command(args...)
	defer cancel()
	return finish(u.t, cmd)
}

func (u *user) command(args ...string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = u.env, u.home
	return cmd, cancel
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	r.code = cmd.ProcessState.ExitCode()
	if r.took >= commandTime {
		t.Fatalf("%v did not end within %v\n%s", cmd.Args, commandTime, r.stderr)
	}
	return r
}

// ok runs a command that must succeed, and gives its standard output.
func (u *user) ok(args ...string) string {
	u.t.Helper()
	r := u.run(args...)
	if r.code != 0 {
		u.t.Fatalf("tidepole %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// okJSON runs a command that must succeed and print JSON.
func (u *user) okJSON(v any, args ...string) {
	u.t.Helper()
	out := u.ok(args...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		u.t.Fatalf("tidepole %s: %v in\n%.2000s", strings.Join(args, " "), err, out)
	}
}

// clean fails the test if the user's temporary folder holds anything.
func (u *user) clean() {
	u.t.Helper()
	entries, err := os.ReadDir(filepath.Join(u.home, "tmp"))
	if err != nil {
		u.t.Fatal(err)
	}
	for _, e := range entries {
		u.t.Errorf("left behind: %s", e.Name())
	}
}

// server is a tidepole serve with a data folder that outlives it.
type server struct {
	t         *testing.T
	user      *user
	dir, addr string
	cmd       *exec.Cmd
	log       *os.File
	exited    chan error
}

// serve starts a server on a new data folder, and makes the user its admin.
func (u *user) serve(args ...string) *server {
	u.t.Helper()
	s := &server{t: u.t, user: u, dir: filepath.Join(u.t.TempDir(), "data"), addr: "127.0.0.1:0"}
	s.start(args...)
	u.env = append(u.env, "TIDEPOLE_URL=http://"+s.addr, "TIDEPOLE_USERNAME=admin", "TIDEPOLE_PASSWORD="+adminPassword)
	u.t.Cleanup(s.kill)
	return s
}

// start starts the server; the second time on the address it had before.
func (s *server) start(args ...string) {
	s.t.Helper()
	ready := filepath.Join(s.t.TempDir(), "ready")
	if err := os.MkdirAll(s.temp(), 0o700); err != nil {
		s.t.Fatal(err)
	}
	var err error
	if s.log, err = os.OpenFile(s.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(program, append([]string{"serve", "--data", s.dir, "--listen", s.addr, "--ready-file", ready, "-v"}, args...)...)
	s.cmd.Env = append(append([]string{}, s.user.env...), "TIDEPOLE_ADMIN_PASSWORD="+adminPassword, "TMPDIR="+s.temp())
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(s.cmd, s.exited)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		if url, err := os.ReadFile(ready); err == nil && len(url) > 0 {
			s.addr = strings.TrimPrefix(strings.TrimSpace(string(url)), "http://")
			return
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			s.t.Fatalf("the server ended: %v\n%s", err, s.said())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server is not ready\n%s", s.said())
		}
	}
}

// kill ends the server without any warning.
func (s *server) kill() { s.end(syscall.SIGKILL) }

// stop asks the server to end, and waits for it; it may leave nothing behind.
func (s *server) stop() {
	s.t.Helper()
	s.end(syscall.SIGTERM)
	entries, err := os.ReadDir(s.temp())
	if err != nil || len(entries) > 0 {
		s.t.Errorf("the server left behind: %v, %v", entries, err)
	}
}

// temp is the server's temporary folder.
func (s *server) temp() string { return s.dir + ".tmp" }

func (s *server) end(signal syscall.Signal) {
	s.t.Helper()
	s.cmd.Process.Signal(signal)
	select {
	case err := <-s.exited:
		s.exited <- err
	case <-time.After(60 * time.Second):
		s.cmd.Process.Kill()
		s.t.Errorf("the server does not end on %v\n%s", signal, s.said())
	}
	s.log.Close()
}

func (s *server) said() string {
	data, _ := os.ReadFile(s.dir + ".log")
	return string(data[max(0, len(data)-8000):])
}
