package system

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

const readyHelp = `Tell whether the server can do what it is for, and what it lacks.

It asks once and needs no password, so that it does for the health checks of
containers. A server that is not ready is an error.`

func ready(e *env.Env) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use: "ready", Short: "Tell whether the server is ready, and what it lacks", Long: readyHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReady(cmd.Context(), e, strict) },
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "everything must be well, also what the server can do without for a while")
	config.Key(cmd.Flags(), "strict", "system.ready.strict")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runReady(ctx context.Context, e *env.Env, strict bool) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	r, err := c.Ready(ctx)
	if err != nil {
		return err
	}
	if err := showReady(e.Out, format, r); err != nil {
		return err
	}
	var lacks []string
	for _, check := range r.Checks {
		if !check.OK && (check.Required || strict) {
			lacks = append(lacks, check.Reason)
		}
	}
	if len(lacks) > 0 || !r.Ready {
		return fault.New(fault.Unavailable, "%s is not ready: %s", c.URL(), strings.Join(lacks, "; ")).
			WithHint("the server's log says more")
	}
	return nil
}

func showReady(w io.Writer, format string, r wire.Readiness) error {
	if format != output.Text {
		return output.WriteJSON(w, format, r)
	}
	l := output.NewLines(w)
	for _, check := range r.Checks {
		switch {
		case check.OK:
			l.Add(check.Name, "ok")
		case check.Required:
			l.Add(check.Name, "%s", check.Reason)
		default:
			l.Add(check.Name, "%s (not required)", check.Reason)
		}
	}
	return l.Err()
}
