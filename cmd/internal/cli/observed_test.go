package cli_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// Whoever asks whether a server is ready needs no password, and is told what it lacks.
func TestSystemReady(t *testing.T) {
	s := newShell(t).serve().with("TIDEPOLE_PASSWORD=wrong")
	well := regexp.MustCompile(`(?ms)^store: ok$.*^database: there is no vulnerability database \(not required\)$`)
	eventually(t, "it is not ready", func() bool { // what is not seen in time is taken for ill
		r := s.run("system", "ready")
		return r.code == 0 && well.MatchString(r.out)
	})
	r := s.run("system", "ready", "--strict")
	if r.code != 1 || !strings.Contains(r.err, "there is no vulnerability database") {
		t.Errorf("strictly: exit code %d: %s", r.code, r.err)
	}
	s.with("TIDEPOLE_URL=http://127.0.0.1:1").fails(1, []string{"127.0.0.1:1"}, "system", "ready")
}

// A log in JSON is one value a line, from the level on that is asked for.
func TestLogIsWrittenAsAskedFor(t *testing.T) {
	s := newShell(t).serve()
	r := s.run("system", "status", "--log-format", "json", "--log-level", "debug")
	seen := map[string]bool{}
	for line := range strings.Lines(r.err) {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		seen[entry.Level+" "+entry.Msg] = true
	}
	if !seen["INFO server"] || !seen["DEBUG request"] {
		t.Errorf("the log lacks lines: %s", r.err)
	}
	s.fails(1, []string{"text, json"}, "system", "status", "--log-format", "xml")
	s.fails(1, []string{"debug, info, warn, error"}, "system", "status", "--log-level", "loud")
	if r := s.run("system", "status", "-vv", "--log-level", "error"); r.err != "" {
		t.Errorf("at level error: %s", r.err)
	}
}
