package worker

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/logs"
	"github.com/tidepole/tidepole/formats/stage"
	"github.com/tidepole/tidepole/importserver/queue"
)

// How an attempt ends.
const (
	Done      = "done"
	Failed    = "failed"
	Lost      = "lost"       // the lease, to somebody else or to a user's request
	GivenBack = "given_back" // as the worker was told to end
)

// Outcome is how an attempt that ended with err ended.
func Outcome(err error) string {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, queue.ErrLost):
		return Lost
	case errors.Is(err, errDrained):
		return GivenBack
	}
	return Failed
}

// attempt is one, as it is told of in logs, traces and metrics.
type attempt struct {
	pool   *Pool
	stage  string // that it began with
	begun  time.Time
	stages stage.Watch
	span   trace.Span
}

// begin gives ctx what the attempt's log lines say, and its span.
func (p *Pool) begin(ctx context.Context, l *queue.Lease) (context.Context, *attempt) {
	a := &attempt{pool: p, stage: l.Work.Stage, begun: time.Now(), stages: stage.Watch{Now: time.Now}}
	ctx = logs.With(ctx, "image", l.Image.Digest, "account", l.Image.Account, "stage", l.Work.Stage, "attempt", l.Work.Attempts)
	ctx = l.Trace(ctx)
	if p.Tracer == nil {
		a.span = trace.SpanFromContext(context.Background()) // does nothing
		return ctx, a
	}
	ctx, a.span = p.Tracer.Start(ctx, "work "+l.Work.Stage, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("tidepole.image.digest", l.Image.Digest), attribute.String("tidepole.account", l.Image.Account),
		attribute.Int("tidepole.attempt", l.Work.Attempts), attribute.String("tidepole.worker", l.Work.Worker),
	))
	return ctx, a
}

// end tells what became of the attempt and of its stages.
func (a *attempt) end(ctx context.Context, err error) {
	outcome, took := Outcome(err), time.Since(a.begun)
	if a.pool.Observe != nil {
		a.pool.Observe(a.stage, outcome, took)
	}
	stages := a.stages.Stop()
	stage.Trace(ctx, stages)
	for _, s := range stages {
		if a.pool.ObserveStage != nil {
			a.pool.ObserveStage(s.Name, s.End.Sub(s.Begin))
		}
	}
	a.span.SetAttributes(attribute.String("tidepole.outcome", outcome))
	if err != nil {
		a.span.SetAttributes(attribute.String("error.type", fault.Of(err).String()))
		a.span.SetStatus(codes.Error, queue.Told(err))
	}
	a.span.End()
}
