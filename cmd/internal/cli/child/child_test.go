//go:build linux

package child_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/cmd/internal/cli/child"
)

// order is what the children of these tests are told to do.
type order struct {
	Do   string
	Dir  string
	Text string
}

// TestMain is the child, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "as-a-child" {
		obey()
		return
	}
	os.Exit(m.Run())
}

var hoard [][]byte

func obey() {
	var o order
	ctx, err := child.Input(context.Background(), os.Stdin, &o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	switch o.Do {
	case "answer":
		fmt.Printf("{\"pid\":%d}\n{\"text\":%q}\n", os.Getpid(), o.Text)
	case "hang":
		fmt.Printf("{\"pid\":%d}\n", os.Getpid())
		<-ctx.Done() // the parent is gone
	case "hoard":
		for range 100 { // not more than a machine has, however late it is looked at
			b := make([]byte, 8<<20)
			for n := range b {
				b[n] = byte(n)
			}
			hoard = append(hoard, b)
			time.Sleep(5 * time.Millisecond)
		}
		<-ctx.Done()
	case "fill":
		for n := range 100 {
			_ = os.WriteFile(filepath.Join(o.Dir, fmt.Sprint(n)), make([]byte, 1<<20), 0o600)
			time.Sleep(50 * time.Millisecond)
		}
		<-ctx.Done()
	case "fill without a name":
		f, err := os.CreateTemp(o.Dir, "")
		if err == nil {
			err = os.Remove(f.Name())
		}
		if err != nil {
			os.Exit(4)
		}
		for range 100 {
			_, _ = f.Write(make([]byte, 1<<20))
			time.Sleep(50 * time.Millisecond)
		}
		<-ctx.Done()
	case "leave":
		_ = os.WriteFile(filepath.Join(o.Dir, "x"), make([]byte, 3<<20), 0o600)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "panic":
		fmt.Fprintln(os.Stderr, "before it")
		panic(o.Text)
	case "fail":
		for n := range 10 {
			fmt.Fprintf(os.Stderr, "line %d \x1b[31mred\n", n)
		}
		os.Exit(7)
	case "parent":
		t := task(o.Dir, "hang")
		t.Line = func(line []byte) error { fmt.Println(string(line)); return nil }
		_ = child.Run(ctx, t)
	}
}

func task(dir, do string) child.Task {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return child.Task{Program: program, Args: []string{"as-a-child"}, Dir: dir, Input: order{Do: do, Dir: dir, Text: "what\nis said"},
		Env: []string{"GOTRACEBACK=all"}, Line: func([]byte) error { return nil }}
}

func TestEnds(t *testing.T) {
	for do, test := range map[string]struct {
		limits child.Limits
		want   string
		over   string
	}{
		"hang":                {child.Limits{Time: 200 * time.Millisecond}, "it took longer than 200ms", "time"},
		"hoard":               {child.Limits{Memory: 200 << 20, Disk: 1 << 30, Time: time.Minute}, "it took more than 200MiB of memory", "memory"},
		"fill":                {child.Limits{Disk: 3 << 20, Time: time.Minute}, "its temporary files took more than 3MiB of disk", "disk"},
		"fill without a name": {child.Limits{Disk: 3 << 20, Time: time.Minute}, "its temporary files took more than 3MiB of disk", "disk"},
		"leave":               {child.Limits{Disk: 2 << 20}, "its temporary files took more than 2MiB of disk", "disk"},
		"die":                 {child.Limits{}, "its process ended with signal: killed (by the system, if it was short of memory)", ""},
		"panic":               {child.Limits{}, "its process ended with exit status 2: panic: what", ""},
		"fail":                {child.Limits{}, "its process ended with exit status 7: line 7 \\x1b[31mred; line 8 \\x1b[31mred; line 9 \\x1b[31mred", ""},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			if do == "fill without a name" && runtime.GOOS != "linux" {
				t.Skip("the system does not tell")
			}
			tk := task(t.TempDir(), do)
			tk.Limits = test.limits
			err := child.Run(t.Context(), tk)
			if err == nil || err.Error() != test.want {
				t.Fatalf("it ended with %v, want %s", err, test.want)
			}
			var over *child.Exceeded
			var died *child.Died
			if errors.As(err, &over) != (test.over != "") || over != nil && over.What != test.over || errors.As(err, &died) != (test.over == "") {
				t.Errorf("it ended with %#v", err)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	var lines []map[string]any
	tk := task(t.TempDir(), "answer")
	tk.Limits = child.Limits{Memory: 1 << 30, Disk: 1 << 20, Time: time.Minute}
	tk.Line = func(line []byte) error {
		var l map[string]any
		err := json.Unmarshal(line, &l)
		lines = append(lines, l)
		return err
	}
	if err := child.Run(t.Context(), tk); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || lines[1]["text"] != "what\nis said" {
		t.Errorf("it said %v", lines)
	}
	refuse := errors.New("no")
	tk.Line = func([]byte) error { return refuse }
	if err := child.Run(t.Context(), tk); !errors.Is(err, refuse) {
		t.Errorf("whose answers are refused ends with %v", err)
	}
	tk.Program = filepath.Join(t.TempDir(), "nothing")
	if err := child.Run(t.Context(), tk); err == nil || !strings.Contains(err.Error(), "start ") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestLogIsTold(t *testing.T) {
	var told []string
	tk := task(t.TempDir(), "fail")
	tk.Log = func(line string) { told = append(told, line) }
	if err := child.Run(t.Context(), tk); err == nil {
		t.Error("it did not fail")
	}
	if diff := cmp.Diff(10, len(told)); diff != "" || told[0] != `line 0 \x1b[31mred` {
		t.Errorf("it said %q", told)
	}
}

// alive tells whether a process is there and no zombie.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

func TestCancelledChildEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("cancelled by bob")
	tk := task(t.TempDir(), "hang")
	pid := 0
	tk.Line = func(line []byte) error {
		var l struct{ Pid int }
		err := json.Unmarshal(line, &l)
		pid = l.Pid
		cancel(why)
		return err
	}
	if err := child.Run(ctx, tk); !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
	if pid == 0 || alive(pid) {
		t.Errorf("process %d lives on", pid)
	}
}

// A parent that is killed takes its child with it.
func TestChildEndsWithItsParent(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED: processes are looked at in /proc")
	}
	dir := t.TempDir()
	parent := exec.Command(task(dir, "").Program, "as-a-child")
	in, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(order{Do: "parent", Dir: dir})
	if _, err := in.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var l struct{ Pid int }
	if err := errors.Join(err, json.Unmarshal(line, &l)); err != nil {
		t.Fatal(err)
	}
	if !alive(l.Pid) {
		t.Fatalf("there is no process %d", l.Pid)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	gone(t, l.Pid)
}
