// Package stage measures the stages of an analysis, as its progress tells of them.
package stage

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Span is a stage, from the first that was heard of it to the last.
type Span struct {
	Name       string
	Begin, End time.Time
}

// Watch follows the stages of one analysis, which may overlap. It is safe for
// concurrent use.
type Watch struct {
	Now func() time.Time

	mu   sync.Mutex
	seen []Span
}

// See takes a sign of life of a stage.
func (w *Watch) See(name string) {
	now := w.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.seen {
		if w.seen[i].Name == name {
			w.seen[i].End = now
			return
		}
	}
	if n := len(w.seen); n > 0 {
		w.seen[n-1].End = now // it says no more once the next begins
	}
	w.seen = append(w.seen, Span{name, now, now})
}

// Stop ends the stage that began last, and gives all of them in the order in which
// they began.
func (w *Watch) Stop() []Span {
	now := w.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.seen); n > 0 {
		w.seen[n-1].End = now
	}
	return w.seen
}

// Trace makes the stages spans below that of ctx, if that is recorded.
func Trace(ctx context.Context, all []Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return
	}
	tracer := parent.TracerProvider().Tracer("github.com/tidepole/tidepole")
	for _, s := range all {
		_, span := tracer.Start(ctx, s.Name, trace.WithTimestamp(s.Begin))
		span.End(trace.WithTimestamp(s.End))
	}
}
