package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// measure is what one run of one program cost.
type measure struct {
	Wall    time.Duration
	CPU     time.Duration // user and system, of all its processes
	Peak    int64         // bytes resident, of its largest process
	Read    int64         // bytes that read calls gave: files, sockets and pipes
	Written int64         // bytes of files that were dirtied for a disk, deleted ones too
	Left    int64         // bytes left in the temporary folder
	Kept    int64         // bytes left in the cache folder
}

// launch is the hidden command that starts a program and measures it. It is a
// process of its own, because the peak that the system tells of a program is
// never below that of the process that started it: this one is small.
const launch = "launch"

// runLaunch is the launching process: args are the file for the measure, and
// the command. The command's exit code is its own.
func runLaunch(args []string) int {
	var m measure
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	waitForEnd(cmd.Process.Pid)
	m.Wall = time.Since(start)
	io := readIO(cmd.Process.Pid)
	m.Read, m.Written = io["rchar"], io["write_bytes"]
	err := cmd.Wait()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		m.Peak = usage.Maxrss << 10
	}
	if jsonErr := writeJSON(args[0], m); jsonErr != nil {
		fmt.Fprintln(os.Stderr, jsonErr)
		return 1
	}
	if err != nil {
		return max(1, cmd.ProcessState.ExitCode())
	}
	return 0
}

// waitForEnd waits without taking the exit code, for only until that is taken
// does /proc tell what the process read and wrote.
func waitForEnd(pid int) {
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

func readIO(pid int) map[string]int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	values := map[string]int64{}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ": ")
		values[name], _ = strconv.ParseInt(value, 10, 64)
	}
	return values
}

// command is a program to measure, with folders of its own for what it leaves.
type command struct {
	args []string
	env  []string
	home string // HOME, the cache folder and the temporary one are below it
}

const limitOfRun = 30 * time.Minute

// run runs a command to its end and measures it.
func (c command) run(ctx context.Context) (measure, error) {
	var m measure
	ctx, cancel := context.WithTimeout(ctx, limitOfRun)
	defer cancel()
	temp, cache := filepath.Join(c.home, "tmp"), filepath.Join(c.home, "cache")
	for _, d := range []string{temp, cache} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return m, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	result := filepath.Join(c.home, "measure.json")
	cmd := exec.CommandContext(ctx, self, append([]string{launch, result}, c.args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Env = append([]string{"HOME=" + c.home, "XDG_CACHE_HOME=" + cache, "TMPDIR=" + temp, "PATH=" + os.Getenv("PATH")}, c.env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%s: %w: …%s", strings.Join(c.args, " "), err, said.Bytes()[max(0, said.Len()-1000):])
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	m.Left, m.Kept = sizeOf(temp), sizeOf(cache)
	return m, nil
}

// sizeOf is what the files below a folder have together.
func sizeOf(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return n
}
