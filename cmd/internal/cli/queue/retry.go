package queue

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/wire"
)

const retryHelp = `Analyse images again that failed.

One that waits for its next attempt waits no longer. To analyse an image anew that
is analysed, add it with --force.`

func retry(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry IMAGE...", Short: "Analyse images again that failed", Long: retryHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return each(cmd.Context(), e, args, func(c *client.Client, digest string) (wire.Image, error) { return c.Retry(cmd.Context(), digest) })
		},
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}
