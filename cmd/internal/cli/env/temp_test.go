package env_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
	dead := "tidepole-" + strconv.Itoa(deadProcess(t)) + "-123"
	kept := []string{
		"tidepole-" + strconv.Itoa(os.Getpid()) + "-123", // a living process's
		"tidepole-notes", "other-1-123",
	}
	for _, name := range append(kept, dead) {
		if err := os.MkdirAll(filepath.Join(root, name, "layer"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	e := &env.Env{Global: env.Global{TempDir: root}}
	if _, err := e.TempDir(); err != nil {
		t.Fatal(err)
	}
	defer e.RemoveTemp()
	if _, err := os.Stat(filepath.Join(root, dead)); !os.IsNotExist(err) {
		t.Errorf("%s was left: %v", dead, err)
	}
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}

// deadProcess is the id of a process that ran and ended.
func deadProcess(t *testing.T) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(strings.TrimSpace(string(out)), err)
	}
	return cmd.Process.Pid
}
