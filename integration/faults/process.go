package main

import (
	"bytes"
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
)

// mark is the variable by which processes of a run are known, whoever started them.
const mark = "FAULTS_RUN"

// endTime is how long a process may take to start or to end.
const endTime = time.Minute

// process is a tidepole of the run, which dies and comes back.
type process struct {
	world   *World
	name    string
	works   bool   // for servers, and serves no API itself
	address string // "" before it first listened
	cmd     *exec.Cmd
	exited  chan error
	stopped bool
	back    time.Time // when it may be started again
	heard   int       // bytes of its log that were looked at
}

func newProcess(w *World, name string) *process { return &process{world: w, name: name} }

func (p *process) path(name string) string { return filepath.Join(p.world.Dir, p.name+"."+name) }

func (p *process) data() string { return filepath.Join(p.world.disk.dir, p.name, "data") }

func (p *process) temp() string { return filepath.Join(p.world.disk.dir, p.name, "temp") }

// share gives the process a file of another's data.
func (p *process) share(with *process, name string) error {
	data, err := os.ReadFile(filepath.Join(with.data(), name))
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(p.data(), 0o700), os.WriteFile(filepath.Join(p.data(), name), data, 0o600))
}

// environment is what every process of a run has.
func (w *World) environment(temp string) []string {
	return []string{
		"HOME=" + w.Dir, "PATH=" + os.Getenv("PATH"), "XDG_CACHE_HOME=" + filepath.Join(w.Dir, "cache"),
		"XDG_CONFIG_HOME=" + filepath.Join(w.Dir, "config"), "DOCKER_CONFIG=" + filepath.Join(w.Dir, "docker"),
		"AWS_ACCESS_KEY_ID=" + bucketKey, "AWS_SECRET_ACCESS_KEY=" + bucketSecret, "TMPDIR=" + temp,
		"TIDEPOLE_ADMIN_PASSWORD=" + password, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true", "TIDEPOLE_REGISTRY_AUTHORITY=" + w.pulls.address(),
		mark + "=" + w.Dir,
	}
}

// start starts it and waits until it listens, where it listened before.
func (p *process) start(ctx context.Context) error {
	ready := p.path("ready")
	if err := errors.Join(os.MkdirAll(p.temp(), 0o700), ignoreAbsent(os.Remove(ready))); err != nil {
		return err
	}
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	listen := p.address
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	p.cmd = exec.Command(p.world.Program, append(p.arguments(listen), "--ready-file", ready)...)
	p.cmd.Env = append(p.world.environment(p.temp()), "FAULTS_CLOCK="+p.path("clock"))
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.exited, p.stopped = make(chan error, 1), false
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(p.cmd, p.exited)
	return p.waitUntilReady(ctx, ready)
}

// arguments are those of the command line.
func (p *process) arguments(listen string) []string {
	args := []string{"serve", "--listen", listen, "--housekeeping", "1s", "--blob-age", blobAge.String(), "--scrub", blobAge.String()}
	if p.works {
		args = []string{"worker", "--metrics-listen", listen}
	}
	args = append(args, "--data", p.data(), "-v", "--lease", leaseTime.String(), "--retry-delay", "100ms", "--grace", "1s")
	if w := p.world; w.rowStore != nil {
		args = append(args, "--store", w.rowStore.url(w.rowLine.address()), "--blobs", w.bucket.url(w.blobLine.address()))
	}
	return args
}

func (p *process) waitUntilReady(ctx context.Context, ready string) error {
	for deadline := time.Now().Add(endTime); time.Now().Before(deadline); {
		if url, err := os.ReadFile(ready); err == nil && len(url) > 0 {
			p.address = strings.TrimPrefix(strings.TrimSpace(string(url)), "http://")
			if !p.works {
				p.world.front.set(func(f *proxy) { f.targets[p.name] = p.address })
			}
			return nil
		}
		select {
		case err := <-p.exited:
			p.cmd = nil
			return fmt.Errorf("the %s ended when it was started: %v\n%s", p.name, err, p.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("the %s is not ready\n%s", p.name, p.said())
}

func (p *process) up() bool { return p.cmd != nil }

// signal ends the process and waits for that.
func (p *process) signal(s syscall.Signal) error {
	if !p.up() {
		return nil
	}
	p.thaw()
	p.cmd.Process.Signal(s)
	select {
	case <-p.exited:
		p.cmd = nil
		return nil
	case <-time.After(endTime):
		p.cmd.Process.Kill()
		return fmt.Errorf("the %s does not end on %v\n%s", p.name, s, p.said())
	}
}

// kill ends the process as a power cut would: it has no say in it. What it started
// itself is left to see to its own end.
func (p *process) kill() error {
	if !p.up() {
		return nil
	}
	p.cmd.Process.Kill()
	<-p.exited
	p.cmd = nil
	return nil
}

// setClock has the process's clock be off by so much.
func (p *process) setClock(off time.Duration) error {
	next := p.path("clock.next") // it is read at any moment
	return errors.Join(os.WriteFile(next, []byte(off.String()), 0o600), os.Rename(next, p.path("clock")))
}

func (p *process) stop() {
	if p.up() && !p.stopped {
		p.cmd.Process.Signal(syscall.SIGSTOP)
		p.stopped = true
	}
}

func (p *process) thaw() {
	if p.up() && p.stopped {
		p.cmd.Process.Signal(syscall.SIGCONT)
		p.stopped = false
	}
}

// end is for when the run is over, however it ended.
func (p *process) end() error {
	if !p.up() {
		return nil
	}
	p.thaw()
	return p.kill()
}

// said is the end of the log.
func (p *process) said() string {
	data, _ := os.ReadFile(p.path("log"))
	return string(data[max(0, len(data)-4000):])
}

// relics are the processes of a run that are still there.
func (w *World) relics() []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		env, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(env, []byte(mark+"="+w.Dir+"\x00")) {
			continue
		}
		pid := filepath.Base(filepath.Dir(name))
		if n, _ := strconv.Atoi(pid); n == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		found = append(found, pid+" "+strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " "))
	}
	return found
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
