package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/wire"
)

const password = "the-password-of-the-benchmark"

// server is a tidepole that serves.
type server struct {
	*client.Client
	cmd     *exec.Cmd
	log     string
	own     atomic.Int64 // the most of its own memory that was seen, in bytes
	stopped chan struct{}
}

// serve starts the program with so many workers, and waits until it listens.
func (b *bench) serve(ctx context.Context, p *place, workers int) (*server, error) {
	ready := filepath.Join(b.dir, "ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &server{log: filepath.Join(b.dir, "serve.log"), stopped: make(chan struct{})}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(b.o.program, "serve", "--listen", "127.0.0.1:0", "--ready-file", ready, "--workers", strconv.Itoa(workers),
		"--data", p.data, "--admin-password-file", b.password)
	s.cmd.Env = append(os.Environ(), "HOME="+b.dir, "XDG_CACHE_HOME="+b.dir, "TIDEPOLE_STORE="+p.url)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go s.watch()
	url, err := s.listening(ctx, ready)
	if err == nil {
		s.Client, err = client.New(client.Options{URL: url, Username: "admin", Password: password, TempDir: b.dir})
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) listening(ctx context.Context, ready string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if data, err := os.ReadFile(ready); err == nil && len(data) > 0 {
			return strings.TrimSpace(string(data)), nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(s.log)
			return "", fmt.Errorf("the server does not listen after a minute: %s", log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server as its operator would.
func (s *server) stop() error {
	close(s.stopped)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		log, _ := os.ReadFile(s.log)
		return fmt.Errorf("the server ended: %w\n%s", err, log)
	}
	return nil
}

// idle waits until no work is left, which took until then.
func (s *server) idle(ctx context.Context) (time.Time, error) {
	for {
		q, err := s.Queue(ctx, wire.QueueFilter{Limit: 1})
		if err != nil {
			return time.Time{}, err
		}
		if q.Running+q.Queued+q.Delayed == 0 {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// cpu is the processor time of the server so far, user and system.
func (s *server) cpu() time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what a process took at the most, in bytes.
type memory struct {
	resident int64 // pages of mapped files too
	own      int64 // without these, which the kernel takes back where memory is short
}

// peak is the most that the server took since it was last asked with reset.
func (s *server) peak(reset bool) memory {
	if reset {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
		s.own.Store(0)
	}
	s.look()
	return memory{resident: s.status("VmHWM"), own: s.own.Load()}
}

// lookEvery is how often the server's own memory is looked at: the kernel keeps the
// highest of the whole only.
const lookEvery = 50 * time.Millisecond

// watch looks at the server's own memory until it is stopped.
func (s *server) watch() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stopped:
			return
		case <-tick.C:
			s.look()
		}
	}
}

func (s *server) look() {
	now := s.status("RssAnon", "RssShmem")
	for was := s.own.Load(); now > was && !s.own.CompareAndSwap(was, now); was = s.own.Load() {
	}
}

// status is the sum of what the kernel says of the server by these names, in bytes.
func (s *server) status(names ...string) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return sumOf(string(data), names...)
}

// sumOf adds up those lines of a status of /proc, in KiB, that have these names.
func sumOf(status string, names ...string) (bytes int64) {
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		if slices.Contains(names, name) {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			bytes += n << 10
		}
	}
	return bytes
}
