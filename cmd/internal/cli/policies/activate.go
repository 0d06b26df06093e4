package policies

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
)

func activate(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "activate POLICY", Short: "Make a policy the one that images are judged by", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := output.Choose(e.Global.Format, formats...)
			if err != nil {
				return err
			}
			return on(cmd.Context(), e, args[0], func(c *client.Client, id string) error {
				r, err := c.ActivatePolicy(cmd.Context(), id)
				if err != nil {
					return err
				}
				return show(e.Out, format, r)
			})
		},
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}
