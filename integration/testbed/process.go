package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sort"
	"strings"
	"syscall"
	"time"
)

const (
	startTime = 60 * time.Second
	waitDelay = 30 * time.Second
)

// process is a daemon that was started here.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan error
	log  string
}

// start runs a daemon with its output in a log file, and waits until answers
// says that it is up.
func (b *bed) start(ctx context.Context, name string, answers func() error, command string, args ...string) error {
	log := b.path(name + ".log")
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(command, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{name: name, cmd: cmd, done: make(chan error, 1), log: log}
	b.processes = append(b.processes, p)
	go func() { p.done <- cmd.Wait() }()
	return p.waitUntil(ctx, answers)
}

func (p *process) waitUntil(ctx context.Context, answers func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := answers()
		if err == nil {
			return nil
		}
		select {
		case exit := <-p.done:
			p.done <- exit
			return fmt.Errorf("%s ended (%v); it said: %s", p.name, exit, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; it said: %s", p.name, err, p.tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the process group, gently at first.
func (p *process) stop() error {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s (process %d) does not end", p.name, p.cmd.Process.Pid)
	}
}

func (p *process) tail() string {
	data, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

// dial tells whether something listens.
func dial(network, address string) func() error {
	return func() error {
		c, err := net.DialTimeout(network, address, time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// freePort is a port on loopback that nothing listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// unmountBelow takes away what daemons left mounted, deepest first.
func unmountBelow(dir string) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return
	}
	defer f.Close()
	var points []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			points = append(points, fields[1])
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(points)))
	for _, p := range points {
		syscall.Unmount(p, syscall.MNT_DETACH)
	}
}
