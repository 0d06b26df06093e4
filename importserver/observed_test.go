package importserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tidepole/tidepole/formats/logs"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

var update = flag.Bool("update", false, "write the generated documentation anew")

const (
	observability = "../docs/observability.md"
	begin, end    = "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"
)

// The table of metrics is made from the metrics; -update writes it anew.
func TestMetricsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString(begin + "\n| metric | kind | labels | of | what it is |\n|---|---|---|---|---|\n")
	for _, m := range importserver.Metrics() {
		of := "process"
		if m.Shared {
			of = "store"
		}
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Kind, labels, of, m.Help)
	}
	b.WriteString("\n" + end)
	data, err := os.ReadFile(observability)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", observability)
	}
	text := before + b.String() + after
	if *update {
		if err := os.WriteFile(observability, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(text, string(data)); diff != "" && !*update {
		t.Errorf("%s is not what there is (go test ./importserver -run Documented -update writes it):\n%s", observability, diff)
	}
}

// Every metric that is described is there, has the labels that it says, and is named
// as Prometheus has it; none has a label that users choose the values of.
func TestMetricsAreAsDescribed(t *testing.T) {
	r := analysed(t, &engine{})
	r.call("GET", wire.RouteImages, "", nil)
	r.metrics(`tidepole_stage_duration_seconds_count{stage="evaluate"} 1`, `tidepole_http_request_duration_seconds_count{route="GET /v2/images"} 1`) // the last that is counted
	_, text := r.request("GET", wire.RouteMetrics, nil, nil)
	for _, m := range importserver.Metrics() {
		if m.Kind == "counter" != strings.HasSuffix(m.Name, "_total") || m.Kind == "histogram" && !strings.HasSuffix(m.Name, "_seconds") {
			t.Errorf("%s is a %s", m.Name, m.Kind)
		}
		if strings.HasSuffix(m.Name, "_failures_total") { // nothing failed
			continue
		}
		if !strings.Contains(text, "# TYPE "+m.Name+" "+m.Kind+"\n") {
			t.Errorf("%s is described and not there", m.Name)
		}
		for _, label := range m.Labels {
			if !regexp.MustCompile(`(?m)^` + m.Name + `(_bucket)?\{.*\b` + label + `="`).MatchString(text) {
				t.Errorf("%s has no label %s", m.Name, label)
			}
		}
	}
	if strings.Contains(text, digestOf(1)[7:]) || strings.Contains(text, `="admin"`) {
		t.Errorf("an image or an account is a label:\n%s", text)
	}
	for _, line := range []string{
		`tidepole_queue_length{priority="interactive",stage="assess",state="queued"} 0`,
		`tidepole_work_attempts_total{outcome="done",stage="assess"} 1`,
		`tidepole_stage_duration_seconds_count{stage="match"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
}

// kept is a log that several write to.
type kept struct {
	mu sync.Mutex
	bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Buffer.Write(b)
}

// lines are the log's, as they are in JSON.
func (k *kept) lines(t *testing.T) (all []map[string]any) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for d := json.NewDecoder(bytes.NewReader(k.Bytes())); d.More(); {
		line := map[string]any{}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// Lines of a request, and of an attempt, say which; a client's trace goes on from the
// request to the attempt, and what clients send steers no terminal.
func TestRequestsAndAttemptsAreTold(t *testing.T) {
	var log kept
	spans := tracetest.NewSpanRecorder()
	o := options(t.TempDir())
	o.Log = logs.New(&log, "json", slog.LevelDebug)
	o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test")
	r := start(t, central(t), o)
	const asked = "0af7651916cd43dd8448eb211c80319c"
	resp, _ := r.request("POST", wire.RouteImages, strings.NewReader(toJSON(t, byTag("alpine"))), func(q *http.Request) {
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Traceparent", "00-"+asked+"-b7ad6b7169203331-01")
		q.Header.Set(wire.RequestIDHeader, "mine-1")
	})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("added: %d", resp.StatusCode)
	}
	r.await(digestOf(1), wire.Analyzed)
	r.request("GET", wire.Path(wire.RouteImage, digestOf(1)), nil, nil)
	r.request("GET", "/v2/%1b%5b2J%c2%9b", nil, nil)
	r.stop()
	r.web.Close() // the last lines are written then
	has := func(want map[string]any) {
		t.Helper()
		for _, line := range log.lines(t) {
			if slices.ContainsFunc([]string{"took", "sent", "level"}, func(k string) bool { return want["msg"] == "request done" && line[k] == nil }) {
				continue
			}
			for k := range line {
				if want[k] == nil {
					delete(line, k)
				}
			}
			if cmp.Equal(want, line) {
				return
			}
		}
		t.Errorf("the log lacks %v:\n%s", want, log.String())
	}
	has(map[string]any{"msg": "request done", "request": "mine-1", "account": "admin", "trace": asked, "code": 200.0, "path": "/v2/images", "method": "POST"})
	has(map[string]any{"msg": "request done", "image": digestOf(1), "account": "admin", "code": 200.0})
	for _, msg := range []string{"work start", "work done"} {
		has(map[string]any{"msg": msg, "image": digestOf(1), "account": "admin", "attempt": 1.0, "trace": asked})
	}
	if text := log.String(); strings.Contains(text, password) || strings.ContainsAny(text, "\x1b\u009b") {
		t.Errorf("the log has a password or steers the terminal:\n%q", text)
	}
	var names []string
	for _, s := range spans.Ended() {
		if s.SpanContext().TraceID().String() == asked {
			names = append(names, s.Name())
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"add_image", "analyze", "evaluate", "import", "match", "read", "work analyze"}, names); diff != "" {
		t.Error(diff)
	}
}
