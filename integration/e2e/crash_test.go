package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
)

// background is a command that runs while the test goes on.
type background struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	done           chan error
}

func (u *user) startCommand(args ...string) *background {
	u.t.Helper()
	cmd, cancel := u.command(args...)
	b := &background{cmd: cmd, done: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = &b.stdout, &b.stderr
	do(u.t, cmd.Start())
	go func() { b.done <- cmd.Wait(); cancel() }()
	return b
}

func (b *background) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-b.done:
		return b.cmd.ProcessState.ExitCode()
	case <-time.After(commandTime):
		b.cmd.Process.Kill()
		t.Fatalf("%v does not end", b.cmd.Args)
		return -1
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestServerKilledInTheMiddleOfAnAnalysisLosesNothing(t *testing.T) {
	registry := newSlowRegistry(t)
	u := newUser(t).with(registry.environment()...)
	s := u.serve()
	name := registry.push(1)
	registry.holdBack()
	add := u.startCommand("image", "add", name, "--wait", "--timeout", "4m")
	until(t, "the analysis", func() bool {
		return strings.Contains(u.run("image", "list", "-o", "json-raw").stdout, `"analyzing"`)
	})
	s.kill()
	registry.letGo()
	s.start()
	if code := add.wait(t); code != 0 {
		t.Fatalf("add --wait ended with %d\n%s%s\nserver: %s", code, add.stdout.String(), add.stderr.String(), s.said())
	}
	var image wire.Image
	u.okJSON(&image, "image", "get", name, "-o", "json-raw")
	if image.Status != wire.Analyzed {
		t.Errorf("the image is %s", image.Status)
	}
	requeued := false
	for _, step := range image.StatusDetail {
		requeued = requeued || step.From == wire.Analyzing && step.To == wire.NotAnalyzed && step.Reason != ""
	}
	if !requeued {
		t.Errorf("no transition says that the work was re-queued, and why: %+v", image.StatusDetail)
	}
}

func TestServerKilledInTheMiddleOfAnUploadLosesNothing(t *testing.T) {
	p := plantedImage(t)
	u := newUser(t).with(openRegistry(t)...)
	s := u.serve()
	add := u.startCommand("image", "add", p.name, "--from", "registry", "--wait", "--timeout", "4m", "-v")
	// The first part that arrives makes a blob.
	until(t, "the upload", func() bool {
		return exec.Command("sh", "-c", "find "+s.dir+" -type f -path '*blob*' | grep -q .").Run() == nil
	})
	s.kill()
	time.Sleep(500 * time.Millisecond)
	s.start()
	if code := add.wait(t); code != 0 {
		t.Fatalf("add --wait ended with %d\n%s%s\nserver: %s", code, add.stdout.String(), add.stderr.String(), s.said())
	}
	var image wire.Image
	u.okJSON(&image, "image", "get", p.name, "-o", "json-raw")
	if image.Status != wire.Analyzed {
		t.Errorf("the image is %s", image.Status)
	}
}

func TestServerThatIsAskedToStopRequeuesItsWork(t *testing.T) {
	registry := newSlowRegistry(t)
	u := newUser(t).with(registry.environment()...)
	s := u.serve("--grace", "100ms")
	name := registry.push(1)
	registry.holdBack()
	u.ok("image", "add", name)
	until(t, "the analysis", func() bool {
		return strings.Contains(u.run("image", "list", "-o", "json-raw").stdout, `"analyzing"`)
	})
	s.stop()
	registry.letGo()
	s.start()
	u.ok("image", "add", name, "--wait")
	var image wire.Image
	u.okJSON(&image, "image", "get", name, "-o", "json-raw")
	if image.Status != wire.Analyzed {
		t.Errorf("the image is %s", image.Status)
	}
}

func TestInterruptLeavesNothingBehind(t *testing.T) {
	p := plantedImage(t)
	for _, stage := range []string{"resolve:", "pull:", "catalog:"} {
		t.Run(strings.TrimSuffix(stage, ":"), func(t *testing.T) {
			u := newUser(t).with(openRegistry(t)...)
			// A quick machine may be done before the interrupt arrives. What
			// was done in time is whole, and the next one is interrupted.
			for range 20 {
				to := t.TempDir() + "/evidence"
				code := u.interruptedAt(stage, "image", "analyze", p.name, "--from", "registry", "--no-cache", "-o", to)
				_, err := os.Stat(to + "/manifest.json")
				if code == 0 && err == nil {
					continue
				}
				if code != 130 {
					t.Errorf("it ended with %d, the evidence: %v", code, err)
				}
				u.clean()
				if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("it left %s: %v", to, err)
				}
				return
			}
			t.Error("it was never interrupted in time")
		})
	}
}

// interruptedAt runs the program until it says that a stage has begun, and
// interrupts it there. It gives the exit code as a shell shows it.
func (u *user) interruptedAt(stage string, args ...string) int {
	u.t.Helper()
	cmd, cancel := u.command(args...)
	defer cancel()
	stderr, err := cmd.StderrPipe()
	do(u.t, err)
	do(u.t, cmd.Start())
	var said strings.Builder
	seen := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if !seen && strings.HasPrefix(lines.Text(), stage) {
			seen = true
			cmd.Process.Signal(syscall.SIGINT)
		}
	}
	cmd.Wait()
	if !seen {
		u.t.Fatalf("%v does not say %q:\n%s", args, stage, said.String())
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGINT {
		return 130 // interrupted before it could say so itself: a shell shows the same
	}
	return cmd.ProcessState.ExitCode()
}
