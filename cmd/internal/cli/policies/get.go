package policies

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
)

func get(e *env.Env) *cobra.Command {
	var detail bool
	cmd := &cobra.Command{
		Use: "get POLICY", Short: "Show a policy", Args: cobra.ExactArgs(1),
		Long: "Show a policy's record. With --detail its document alone, as JSON: what\n\"tidepole policy add -i\" takes.",
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := output.Choose(e.Global.Format, formats...)
			if err != nil {
				return err
			}
			return on(cmd.Context(), e, args[0], func(c *client.Client, id string) error {
				r, err := c.Policy(cmd.Context(), id)
				if err != nil {
					return err
				}
				if detail && r.Policy != nil {
					return output.WriteJSON(e.Out, output.JSONRaw, r.Policy)
				}
				return show(e.Out, format, r)
			})
		},
	}
	cmd.Flags().BoolVar(&detail, "detail", false, "show the policy's document, as JSON")
	config.Key(cmd.Flags(), "detail", "policy.get.detail")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}
