package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is the launching process when the test program is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == launch {
		os.Exit(runLaunch(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestMeasureOfAProgram(t *testing.T) {
	home := t.TempDir()
	c := command{home: home, args: []string{"sh", "-c", `dd if=/dev/zero of="$TMPDIR/left" bs=1048576 count=3 2>/dev/null; echo kept >"$XDG_CACHE_HOME/k"; head -c 5000000 /dev/zero >/dev/null; sleep 0.2`}}
	m, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Left != 3<<20 || m.Kept != 5 {
		t.Errorf("left %d, kept %d bytes", m.Left, m.Kept)
	}
	if m.Wall < 200*time.Millisecond || m.Wall > time.Minute || m.CPU <= 0 {
		t.Errorf("wall %v, CPU %v", m.Wall, m.CPU)
	}
	if m.Read < 8e6 {
		t.Errorf("read %d bytes, less than its children did", m.Read)
	}
	if m.Peak < 100<<10 || m.Peak > 64<<20 {
		t.Errorf("peak %d bytes", m.Peak)
	}
}

func TestProgramThatFails(t *testing.T) {
	c := command{home: t.TempDir(), args: []string{"sh", "-c", "echo why >&2; exit 3"}}
	if _, err := c.run(t.Context()); err == nil {
		t.Error("its end is not told")
	} else if want := "why"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v: does not say %q", err, want)
	}
}
