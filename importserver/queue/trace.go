package queue

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// traceparent is W3C Trace Context's header: what a row keeps of a trace.
const traceparent = "traceparent"

// traceOf is the trace that ctx belongs to, as a row keeps it; "" where there is none.
func traceOf(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c[traceparent]
}

// Trace gives ctx the trace of who asked for the work, if there is one.
func (l *Lease) Trace(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: l.Work.Trace})
}

// Told is an error as an image's record has it: one line, bounded.
func Told(err error) string { return describe(err) }
