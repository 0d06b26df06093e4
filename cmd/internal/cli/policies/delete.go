package policies

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/table"
)

func remove(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete POLICY", Aliases: []string{"del"}, Short: "Delete a policy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := output.Choose(e.Global.Format, formats...)
			if err != nil {
				return err
			}
			return on(cmd.Context(), e, args[0], func(c *client.Client, id string) error {
				if err := c.DeletePolicy(cmd.Context(), id); err != nil {
					return err
				}
				return showDeleted(e, format, id)
			})
		},
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func showDeleted(e *env.Env, format, id string) error {
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, struct {
			ID     string `json:"policy_id"`
			Status string `json:"status"`
		}{id, "deleted"})
	case output.ID:
		_, err := fmt.Fprintln(e.Out, table.Clean(id))
		return err
	}
	e.Say("policy %s is deleted", id)
	return nil
}
