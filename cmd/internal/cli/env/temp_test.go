package env_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

func TestTempDirIsPrivateAndGoes(t *testing.T) {
	root := t.TempDir()
	set := map[string]string{}
	e := &env.Env{
		Global: env.Global{TempDir: root},
		Setenv: func(name, value string) error { set[name] = value; return nil },
	}
	dir, err := e.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.TempDir(); err != nil || again != dir {
		t.Errorf("second TempDir = %q, %v; want %q", again, err, dir)
	}
	if set["TMPDIR"] != dir {
		t.Errorf("TMPDIR = %q, want %q", set["TMPDIR"], dir)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %o, want 700", info.Mode().Perm())
	}
	if err := os.WriteFile(filepath.Join(dir, "spill"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveTemp(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := e.TempDir(); err == nil {
		t.Error("a folder was made after the end")
	}
}

func TestTempDirSweepsTheDead(t *testing.T) {
	root := t.TempDir()
	living := &env.Env{Global: env.Global{TempDir: root}}
	lives, err := living.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	defer living.RemoveTemp()
	killed := leftBehind(t, root)
	me := strconv.Itoa(os.Getpid())
	dead := []string{
		killed,
		"tidepole-" + me + "-123", // of another process, as this one does not hold it: ids say nothing
	}
	young := "tidepole-" + me + "-124"
	kept := []string{filepath.Base(lives), young, "tidepole-notes", "other-1-123"}
	for _, name := range append(kept[1:], dead...) {
		if err := os.MkdirAll(filepath.Join(root, name, "layer"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	soon := time.Now().Add(time.Hour) // so that it is young however long this takes
	if err := os.Chtimes(filepath.Join(root, young), soon, soon); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(dead[1:], filepath.Base(lives), kept[2], kept[3]) { // the killed one died a moment ago
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(filepath.Join(root, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	e := &env.Env{Global: env.Global{TempDir: root}}
	if _, err := e.TempDir(); err != nil {
		t.Fatal(err)
	}
	defer e.RemoveTemp()
	for _, name := range dead {
		if _, err := os.Stat(filepath.Join(root, name)); !os.IsNotExist(err) {
			t.Errorf("%s was left: %v", name, err)
		}
	}
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}

// A folder that is swept in the moment it is made does not become anybody's.
func TestTempDirsMadeAndSweptAtOnce(t *testing.T) {
	root := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				e := &env.Env{Global: env.Global{TempDir: root}}
				dir, err := e.TempDir()
				if err != nil {
					t.Error(err)
					return
				}
				old := time.Now().Add(-time.Minute)
				if err := os.Chtimes(dir, old, old); err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "spill"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := e.RemoveTemp(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

const leaveVar = "TIDEPOLE_TEST_LEAVE_TEMP_IN"

func TestMain(m *testing.M) {
	root := os.Getenv(leaveVar)
	if root == "" {
		os.Exit(m.Run())
	}
	e := &env.Env{Global: env.Global{TempDir: root}}
	dir, err := e.TempDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(filepath.Base(dir))
	time.Sleep(time.Hour)
}

// leftBehind is what a process left that was killed.
func leftBehind(t *testing.T, root string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), leaveVar+"="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name, err := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return strings.TrimSpace(name)
}
