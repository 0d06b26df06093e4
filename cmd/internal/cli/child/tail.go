package child

import (
	"bytes"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/table"
)

// tail takes a child's standard error, line by line, and keeps what tells why it
// ended: the first line of a crash, or else the last lines.
type tail struct {
	told func(string)

	mu    sync.Mutex
	rest  []byte
	crash string
	lines []string
	count int
}

const (
	tailLines = 3
	maxTold   = 200 // lines passed on of one child
	maxText   = 500 // bytes of a line
)

// Write takes more of the text.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		n := bytes.IndexByte(t.rest, '\n')
		if n < 0 {
			break
		}
		t.line(t.rest[:n])
		t.rest = t.rest[n+1:]
	}
	if len(t.rest) > maxText { // the end of so long a line is not worth its memory
		t.line(t.rest)
		t.rest = nil
	}
	return len(p), nil
}

func (t *tail) line(b []byte) {
	text := strings.TrimSpace(table.Clean(strings.ToValidUTF8(string(b[:min(len(b), maxText)]), "?")))
	if text == "" {
		return
	}
	if t.crash == "" && (strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")) {
		t.crash = text
	}
	if t.lines = append(t.lines, text); len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
	if t.count++; t.told != nil && t.count <= maxTold && t.crash == "" {
		t.told(text)
	}
}

// last is what tells why the child ended; "" where it said nothing.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		t.line(t.rest)
		t.rest = nil
	}
	if t.crash != "" {
		return t.crash
	}
	return strings.Join(t.lines, "; ")
}
