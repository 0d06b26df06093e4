package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/wire"
)

const password = "the-password-of-the-benchmark"

// server is a tidepole that serves.
type server struct {
	*client.Client
	cmd *exec.Cmd
	log string
}

// serve starts the program with so many workers, and waits until it listens.
func (b *bench) serve(ctx context.Context, p *place, workers int) (*server, error) {
	ready := filepath.Join(b.dir, "ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &server{log: filepath.Join(b.dir, "serve.log")}
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

// peak is the server's largest resident set, in bytes, since it was last asked
// with reset.
func (s *server) peak(reset bool) int64 {
	dir := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	if reset {
		_ = os.WriteFile(dir+"clear_refs", []byte("5"), 0)
	}
	f, err := os.Open(dir + "status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
