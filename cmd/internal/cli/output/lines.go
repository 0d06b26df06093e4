package output

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/table"
)

// Lines writes "Name: value" lines. Its first error sticks.
type Lines struct {
	w     io.Writer
	width int
	err   error
}

// NewLines writes to w; on a terminal, lines go on between words.
func NewLines(w io.Writer) *Lines {
	l := &Lines{w: w}
	if terminal, ok := w.(interface{ Columns() int }); ok {
		l.width = terminal.Columns()
	}
	return l
}

// Add writes a line; a value that is empty is written as "none".
func (l *Lines) Add(name, format string, args ...any) {
	value := table.Clean(fmt.Sprintf(format, args...))
	if strings.TrimSpace(value) == "" {
		value = "none"
	}
	l.print(strings.Join(table.Wrap(name+": "+value, l.width, "  "), "\n") + "\n")
}

// Blank writes an empty line.
func (l *Lines) Blank() { l.print("\n") }

// Err is the first error met.
func (l *Lines) Err() error { return l.err }

func (l *Lines) print(s string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, s)
	}
}

// Time is a time as text results show it.
func Time(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// Bytes is a size for people.
func Bytes(n int64) string { return inUnits(n, 1000, [...]string{"kB", "MB", "GB", "TB", "PB"}) }

// BinaryBytes is a size for people who compare it with a setting like 10GiB.
func BinaryBytes(n int64) string {
	return inUnits(n, 1024, [...]string{"KiB", "MiB", "GiB", "TiB", "PiB"})
}

func inUnits(n int64, step float64, units [5]string) string {
	if float64(n) < step {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/step, 0
	for size >= step-0.05 && unit < len(units)-1 {
		size, unit = size/step, unit+1
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}

// Span is a time span in its largest units.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
