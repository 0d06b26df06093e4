package queue

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/wire"
)

const cancelHelp = `End the analysis of images, queued or under way.

An image that is cancelled has failed, and says who cancelled it; the worker that
is at it stops. One that is analysed stays so.`

func cancel(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel IMAGE...", Short: "End the analysis of images", Long: cancelHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return each(cmd.Context(), e, args, func(c *client.Client, digest string) (wire.Image, error) { return c.Cancel(cmd.Context(), digest) })
		},
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}
