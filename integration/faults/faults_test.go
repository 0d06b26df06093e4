package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFixedSeeds is short runs that are the same each time, as far as processes
// and clocks are.
func TestFixedSeeds(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "tidepole")
	build(t, "build", "-tags", "faults", "-ldflags", "-s -w", "-o", program, "github.com/tidepole/tidepole/cmd/tidepole")
	var databases []string
	for _, age := range []string{"1m", "2m"} {
		name := filepath.Join(dir, "db-"+age+".tar.gz")
		build(t, "run", "github.com/tidepole/tidepole/integration/vulndbtest/cmd/demodb", "-age", age, "-o", name)
		databases = append(databases, name)
	}
	for name, o := range map[string]Options{
		"one server, seed 1": {Seed: 1, Steps: 100, Round: 50, Images: 8},
		"one server, seed 2": {Seed: 2, Steps: 100, Round: 50, Images: 8},
		// On PostgreSQL and an object store, for as long as it takes to go round a few times.
		"two servers and two workers": {Seed: 3, Steps: 60, Round: 20, Images: 6, Servers: 2, Workers: 2, For: 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if why := lacks(); o.Servers > 1 && why != "" {
				t.Skip("SKIPPED: " + why)
			}
			o.Program, o.Databases, o.Dir, o.Bound = program, databases, t.TempDir(), 3*time.Minute
			if o.For == 0 {
				o.For = 10 * time.Minute
			}
			figures, err := Run(t.Context(), o)
			t.Log(figures)
			if err != nil {
				t.Errorf("seed %d: %v", o.Seed, err)
			}
		})
	}
}

// lacks is what a run with several servers needs and is not there; "" where all is.
func lacks() string {
	if os.Geteuid() != 0 {
		return "only root can start PostgreSQL as a user of its own"
	}
	if all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(all) == 0 {
		return "PostgreSQL's server is not installed"
	}
	if _, err := exec.LookPath("versitygw"); err != nil {
		return "the object store versitygw is not installed"
	}
	return ""
}

func build(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
