package tracing_test

import (
	"bytes"
	"log/slog"
	"os"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/tracing"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/integration/otlptest"
)

// The span of a command that failed tells the kind of its error, and nothing that was
// asked for.
func TestSpanOfAFailedCommandHoldsNoValues(t *testing.T) {
	receiver := otlptest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	var spans []otlptest.Span
	for tries := 0; len(spans) == 0 && tries < 10; tries++ { // whoever is not taken in time, as on a busy machine, is lost
		e := &env.Env{Lookup: os.LookupEnv, Log: slog.New(slog.DiscardHandler)}
		cmd := &cobra.Command{Use: "show"}
		cmd.SetContext(t.Context())
		if err := tracing.Begin(e, cmd); err != nil {
			t.Fatal(err)
		}
		e.EndTrace(fault.New(fault.NotFound, "show registry.example/private/name of /home/somebody: there is none"))
		spans = receiver.Spans()
	}
	if len(spans) != 1 || !spans[0].Failed || spans[0].Attributes["error.type"] != fault.NotFound.String() {
		t.Errorf("spans: %+v", spans)
	}
	for _, value := range []string{"registry.example", "private/name", "somebody"} {
		if bytes.Contains(receiver.Raw(), []byte(value)) {
			t.Errorf("the trace has %q in it", value)
		}
	}
}
