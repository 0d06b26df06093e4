package logs

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Formats are those that a log can be written in.
var Formats = []string{"text", "json"}

// New writes a log to w in one of Formats, from a level on. Nothing in it steers a
// terminal, whatever clients sent.
func New(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	w, o := escaper{w}, &slog.HandlerOptions{Level: level}
	if format == "json" {
		o.ReplaceAttr = seconds
		return slog.New(Handler(slog.NewJSONHandler(w, o)))
	}
	return slog.New(Handler(slog.NewTextHandler(w, o)))
}

// seconds has durations be seconds in JSON, where slog would write nanoseconds.
func seconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// escaper writes lines with every character that is not printable escaped as JSON
// does it. slog escapes most of them, but not all in either format. It gives whole
// lines.
type escaper struct{ io.Writer }

func (e escaper) Write(line []byte) (int, error) {
	text := bytes.TrimSuffix(line, []byte("\n"))
	clean := make([]byte, 0, len(line))
	for _, r := range string(text) {
		switch {
		case unicode.IsPrint(r):
			clean = utf8.AppendRune(clean, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			clean = fmt.Appendf(clean, `\u%04x\u%04x`, high, low)
		default:
			clean = fmt.Appendf(clean, `\u%04x`, r)
		}
	}
	if _, err := e.Writer.Write(append(clean, '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}
