package cli_test

import (
	"encoding/json"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
)

func TestWorkerThatCannot(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	data := t.TempDir()
	s.fails(1, []string{"--store postgres://", "SQLite"}, "worker", "--data", data)
	s.fails(1, []string{"--blobs"}, "worker", "--data", data, "--store", "postgres://127.0.0.1:1/x")
	s.fails(1, []string{"--workers 0"}, "worker", "--data", data, "--store", "postgres://127.0.0.1:1/x", "--blobs", t.TempDir(), "--workers", "0")
	s.fails(1, []string{"--workers 0", "--store"}, "serve", "--data", data, "--workers", "0")
}

func TestWorkersAreListed(t *testing.T) {
	t.Parallel()
	s := newShell(t).serve("--workers", "3")
	match(t, s.ok("worker", "list"), `(?m)^NAME +KIND +STATE +PLACES`)
	match(t, s.ok("worker", "list"), `(?m)^\S+/\d+/\w{6} +server +up +3 `)
	var all []wire.Worker
	if err := json.Unmarshal([]byte(s.ok("worker", "list", "-o", "json-raw")), &all); err != nil || len(all) != 1 || all[0].Capacity != 3 {
		t.Errorf("%+v, %v", all, err)
	}
}
