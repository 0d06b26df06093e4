package progress_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
)

// terminal understands what a Screen writes, as far as it writes it.
type terminal struct {
	mu   sync.Mutex
	rows []string
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := string(p)
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "\r\x1b["); ok {
			n := int(rest[0] - '0')
			text = strings.TrimPrefix(rest[1:], "A\x1b[J")
			t.rows = t.rows[:len(t.rows)-n]
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		t.rows = append(t.rows, line)
		text = rest
	}
	return len(p), nil
}

func (t *terminal) screen() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string{}, t.rows...)
}

func TestScreen(t *testing.T) {
	var term terminal
	width := 20
	s := progress.NewScreen(&term, func() int { return width })
	step := func(name string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, term.screen()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	s.Write([]byte("before\n"))
	s.Live([]string{"one", "two"})
	step("drawn", "before", "one", "two")
	s.Live([]string{"one", "changed", "三三三三三三三三三三三"})
	step("redrawn, cut to the width", "before", "one", "changed", "三三三三三三三三三…")
	s.Write([]byte("a log line\n"))
	step("a line above", "before", "a log line", "one", "changed", "三三三三三三三三三…")
	s.Live(nil)
	s.Write([]byte("after\n"))
	step("ended", "before", "a log line", "after")
}

func work(d *progress.Display) {
	d.Update(progress.Event{Stage: "resolve"})
	d.Update(progress.Event{Stage: "read", Item: "sha256:0123456789abcdef", Done: 500, Total: 1000})
	d.Update(progress.Event{Stage: "read", Item: "b\x1b[2J", Done: 10})
	d.Update(progress.Event{Stage: "read", Item: "sha256:0123456789abcdef", Done: 1000, Total: 1000, Finished: true})
	d.Note("wait", "queued at position 2")
	d.Note("wait", "queued at position 2")
	d.Note("wait", "analyzing: \x1b[31mpull")
}

func TestLinesWhereThereIsNoTerminal(t *testing.T) {
	var b bytes.Buffer
	d := progress.New(&env.Env{Err: env.Stream{Writer: &b}, Now: time.Now, Lookup: nothing})
	work(d)
	d.Close()
	want := "resolve: looking up the image\nread: reading layers\nwait: waiting for the server\n" +
		"wait: queued at position 2\nwait: analyzing: \\x1b[31mpull\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestQuiet(t *testing.T) {
	var b bytes.Buffer
	d := progress.New(&env.Env{Err: env.Stream{Writer: &b}, Global: env.Global{Quiet: true}, Now: time.Now, Lookup: nothing})
	work(d)
	d.Close()
	if b.Len() > 0 {
		t.Errorf("quiet, it says %q", b.String())
	}
}

func TestLive(t *testing.T) {
	var term terminal
	screen := progress.NewScreen(&term, func() int { return 80 })
	d := progress.New(&env.Env{Err: env.Stream{Writer: screen, Terminal: true}, Now: time.Now, Lookup: nothing})
	work(d)
	want := []string{
		"resolve  looking up the image",
		"read     reading layers, 1 of 2, 1.0 kB",
		`    b\x1b[2J       10 B`,
		`wait     analyzing: \x1b[31mpull`,
	}
	for deadline := time.Now().Add(2 * time.Minute); cmp.Diff(want, term.screen()) != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("live (-want +got):\n%s", cmp.Diff(want, term.screen()))
		}
	}
	d.Close()
	d.Close()
	want = append(want[:2:2], want[3])
	if diff := cmp.Diff(want, term.screen()); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
}

func nothing(string) (string, bool) { return "", false }
