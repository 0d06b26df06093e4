package importserver

import (
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/logs"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// trace begins the span of a request, which goes on with the client's trace if it has
// one, and has the request's log lines say what it is. The span's name is the
// operation's, so that there are few.
func (s *Server) trace(r *http.Request, o *openapi.Operation, pattern, id string) (*http.Request, trace.Span) {
	name := pattern
	if o != nil {
		name = o.ID
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.options.Tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("http.route", pattern), attribute.String("tidepole.request.id", id),
	))
	ctx = logs.With(ctx, "request", id, "method", r.Method, "path", r.URL.Path)
	if digest := r.PathValue("image_digest"); reference.IsDigest(digest) {
		ctx = logs.With(ctx, "image", digest)
		span.SetAttributes(attribute.String("tidepole.image.digest", digest))
	}
	return r.WithContext(ctx), span
}

// signed has what is logged of a request say for whom it is.
func signed(r *http.Request, a *Account) {
	*r = *r.WithContext(logs.With(r.Context(), "account", a.name))
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("tidepole.account", a.name))
}

// answered tells a span how its request ended.
func answered(span trace.Span, code int, err error) {
	span.SetAttributes(attribute.Int("http.response.status_code", code))
	if err == nil {
		return
	}
	span.SetAttributes(attribute.String("error.type", fault.Of(err).String()))
	if code >= 500 || code < 400 { // a client's mistake is no error of the server's
		span.SetStatus(otelcodes.Error, told(err))
	}
}

// importance is the level at which an answer is logged: those to monitors, which
// come all the time, are of little.
func importance(o *openapi.Operation, code int) slog.Level {
	if o == nil && code < 500 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
