package queue_test

import (
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Work belongs to the trace of who asked for it last.
func TestWorkKeepsTheTrace(t *testing.T) {
	b := newBench(t)
	asked := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	b.submit("x", queue.Assess)
	i := b.image("x")
	b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error {
		return b.Submit(trace.ContextWithSpanContext(t.Context(), asked), tx, i, queue.Assess, "asked for again", queue.Interactive)
	}))
	if got := trace.SpanContextFromContext(b.claim("w").Trace(t.Context())); !got.Equal(asked) {
		t.Errorf("the work's trace is %v, want %v", got, asked)
	}
	b.submit("x", queue.Assess)
	if got := trace.SpanContextFromContext(b.claim("w").Trace(t.Context())); got.IsValid() {
		t.Errorf("work that nobody traces has the trace %v", got)
	}
}
