// Package tracing sends traces to where OpenTelemetry's variables say. Where they
// say nothing, nothing of it is started.
package tracing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/formats/fault"
)

// flushTime is how long the end of a command waits for its trace to be taken.
const flushTime = 3 * time.Second

// servers are the commands that live on: what they do are traces of their own, not
// parts of one.
var servers = []string{"serve", "worker"}

// Begin gives a command's context a span, named as in "tidepole image add", which goes
// on with the trace of TRACEPARENT if there is one; e.EndTrace ends it. The commands
// that are servers get e.Tracer instead.
func Begin(e *env.Env, cmd *cobra.Command) error {
	service := "tidepole"
	server := slices.Contains(servers, cmd.Name())
	if !server && cmd.HasSubCommands() || !wanted(e) { // a noun without a verb shows its help
		return nil
	}
	if server {
		service += "-" + cmd.Name()
	}
	provider, err := start(cmd.Context(), e, service)
	if err != nil {
		return fault.New(fault.Invalid, "start tracing: %w", err).
			WithHint("OTEL_SDK_DISABLED=true turns it off; see the variables OTEL_EXPORTER_OTLP_…")
	}
	tracer := provider.Tracer("github.com/tidepole/tidepole")
	if server {
		e.Tracer = tracer
		e.EndTrace = func(error) { flush(provider) }
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(cmd.Context(), propagation.MapCarrier{
		"traceparent": e.Getenv("TRACEPARENT"), "tracestate": e.Getenv("TRACESTATE")})
	ctx, span := tracer.Start(ctx, cmd.CommandPath())
	cmd.SetContext(ctx)
	e.EndTrace = func(err error) {
		end(span, err)
		flush(provider)
	}
	return nil
}

// wanted tells whether traces are to be sent.
func wanted(e *env.Env) bool {
	first := func(names ...string) string {
		for _, n := range names {
			if v := e.Getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	if first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" || strings.EqualFold(e.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	switch exporter := e.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return false
	default:
		e.Warn("", "OTEL_TRACES_EXPORTER is %q: traces can be sent by otlp only, and are not sent", exporter)
		return false
	}
	protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	if protocol != "" && protocol != "http/protobuf" {
		e.Warn("set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf, and the endpoint of that", "traces are sent by http/protobuf, not by %s: they are not sent", protocol)
		return false
	}
	return true
}

// start starts the exporter, which reads its variables itself.
func start(ctx context.Context, e *env.Env, service string) (*sdk.TracerProvider, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { e.Log.Warn("traces not sent", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", service), attribute.String("service.version", e.Version.Number),
	), resource.WithFromEnv()) // what the environment says counts more
	if err != nil {
		return nil, errors.Join(err, exporter.Shutdown(ctx))
	}
	return sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

// end tells how the command ended. Of an error it says the kind: the text may have
// names, filters and paths in it.
func end(span trace.Span, err error) {
	span.SetAttributes(attribute.Int("process.exit.code", exit.Code(err)))
	if err != nil {
		kind := fault.Of(err).String()
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, kind)
	}
	span.End()
}

// flush sends what is left. That it cannot is logged: the command is done.
func flush(provider *sdk.TracerProvider) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
