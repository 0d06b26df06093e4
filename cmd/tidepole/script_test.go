package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/integration/vulndbtest"
)

// The scripts run this program as a process of its own.
func TestMain(m *testing.M) {
	if signal.Ignored(syscall.SIGHUP) { // as under nohup: what is caught here, programs started from here do not ignore
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Main(m, map[string]func(){"tidepole": main})
}

func TestScripts(t *testing.T) {
	image, database := layout(t), filepath.Join(t.TempDir(), "db.tar.gz")
	if err := vulndbtest.WriteArchive(database, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("IMAGE", image)
			e.Setenv("DATABASE", database)
			e.Setenv("DOCKER_HOST", "unix:///nowhere.sock")
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await, "empty": empty},
	})
}

// layout is an OCI layout with a small image.
func layout(t *testing.T) string {
	return imagetest.OCIDir(t, map[string]mutate.Appendable{"": imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{
		"etc/os-release":                       {Content: "ID=debian\nVERSION_ID=\"12\"\n"},
		"app/node_modules/lodash/package.json": {Content: `{"name":"lodash","version":"4.17.20"}`},
	}}})})
}

// await waits for a file, and puts its content into a variable: await FILE NAME.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && len(data) > 1 {
			ts.Setenv(args[1], string(data[:len(data)-1]))
			return
		}
	}
	ts.Fatalf("%s does not appear", args[0])
}

// empty demands that a folder holds nothing.
func empty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s holds %s", args[0], e.Name())
	}
}
