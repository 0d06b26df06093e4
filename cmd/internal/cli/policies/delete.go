package policies

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

func remove(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use: "delete POLICY", Aliases: []string{"del"}, Short: "Delete a policy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return on(cmd.Context(), e, args[0], func(c *client.Client, id string) error {
				if err := c.DeletePolicy(cmd.Context(), id); err != nil {
					return err
				}
				e.Say("policy %s is deleted", id)
				return nil
			})
		},
	}
}
