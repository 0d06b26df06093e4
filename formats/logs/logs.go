// Package logs has every line of a log say which request or which attempt it
// belongs to: what is known of that travels in the context.
package logs

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// key is where a context has its attributes.
type key struct{}

// With gives all lines that are logged under ctx more attributes, as slog.Logger.With
// takes them. A key that ctx has already gets the new value.
func With(ctx context.Context, args ...any) context.Context {
	r := slog.Record{}
	r.Add(args...)
	all := slices.Clone(attributes(ctx))
	r.Attrs(func(a slog.Attr) bool {
		all = slices.DeleteFunc(all, func(old slog.Attr) bool { return old.Key == a.Key })
		all = append(all, a)
		return true
	})
	return context.WithValue(ctx, key{}, all)
}

func attributes(ctx context.Context) []slog.Attr {
	all, _ := ctx.Value(key{}).([]slog.Attr)
	return all
}

// handler adds what the context knows.
type handler struct{ slog.Handler }

// Handler is h, but for the attributes of the context, and its trace's id, that each
// line gets.
func Handler(h slog.Handler) slog.Handler {
	if h, ok := h.(handler); ok {
		return h
	}
	return handler{h}
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	all := attributes(ctx)
	span := trace.SpanContextFromContext(ctx)
	if len(all) == 0 && !span.IsValid() {
		return h.Handler.Handle(ctx, r)
	}
	own := map[string]bool{} // what the line says itself counts more
	r.Attrs(func(a slog.Attr) bool { own[a.Key] = true; return true })
	r = r.Clone()
	for _, a := range all {
		if !own[a.Key] {
			r.AddAttrs(a)
		}
	}
	if span.IsValid() {
		r.AddAttrs(slog.String("trace", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
