package logs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/formats/logs"
)

func TestLinesSayWhatTheContextKnows(t *testing.T) {
	var out bytes.Buffer
	log := logs.New(&out, "json", slog.LevelInfo)
	ctx := logs.With(t.Context(), "request", "r1", "account", "a")
	ctx = logs.With(ctx, "account", "b")
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	log.With("part", "x").InfoContext(ctx, "done", "code", 200, "request", "r2")
	log.DebugContext(ctx, "below the level")
	log.Info("of no request")
	var lines []map[string]any
	for d := json.NewDecoder(&out); d.More(); {
		line := map[string]any{}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		lines = append(lines, line)
	}
	want := []map[string]any{
		{"level": "INFO", "msg": "done", "part": "x", "code": 200.0, "request": "r2", "account": "b", "trace": "01000000000000000000000000000000"},
		{"level": "INFO", "msg": "of no request"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// A duration has its unit in text, and is in seconds in JSON.
func TestDurations(t *testing.T) {
	for format, want := range map[string]string{"text": "took=1.5s", "json": `"took":1.5}`} {
		var out bytes.Buffer
		logs.New(&out, format, slog.LevelInfo).Info("done", "took", 1500*time.Millisecond)
		if line := strings.TrimSpace(out.String()); !strings.HasSuffix(line, want) {
			t.Errorf("%s: %s, want %s at its end", format, line, want)
		}
	}
}

// Whatever a stranger sends, a line stays one line and does nothing to a terminal.
func FuzzLinesAreHarmless(f *testing.F) {
	for _, text := range []string{"plain", "\x1b[2J", "a\u009b31mb", "x\r\ny", "\u202eevil", "\xff\x9b", "\x7f", "\U000e0001", "\u2028", `"},{"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range logs.Formats {
			var out bytes.Buffer
			logs.New(&out, format, slog.LevelInfo).Error(text, "path", text, "error", errors.New(text), text, 1)
			line, ended := strings.CutSuffix(out.String(), "\n")
			bad := func(r rune) bool { return !unicode.IsPrint(r) }
			if !ended || strings.ContainsFunc(line, bad) {
				t.Errorf("%s: %q", format, line)
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %q", line)
			}
		}
	})
}
