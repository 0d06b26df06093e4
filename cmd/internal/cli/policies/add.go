package policies

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
)

func add(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add -i FILE", Short: "Add a policy from a file", Args: cobra.NoArgs,
		Long: "Add a policy from a JSON file, or from standard input (-). It is checked first, and\nall its defects are listed; \"tidepole policy gates\" shows what rules may be about.",
		Example: `  tidepole policy add -i mine.json
  tidepole policy activate mine`,
	}
	return fromFile(e, cmd, func(ctx context.Context, c *client.Client, p policy.Policy) (wire.PolicyRecord, error) {
		return c.AddPolicy(ctx, p)
	})
}

func update(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "update -i FILE", Short: "Replace a policy by the one in a file", Args: cobra.NoArgs,
		Long: "Replace the policy that has the same id by the one in a JSON file, or from standard\ninput (-). Whether it is active stays as it is.",
	}
	return fromFile(e, cmd, func(ctx context.Context, c *client.Client, p policy.Policy) (wire.PolicyRecord, error) {
		return c.UpdatePolicy(ctx, p.ID, p)
	})
}

// fromFile has a command read a policy, send it and show what the server keeps.
func fromFile(e *env.Env, cmd *cobra.Command, send func(context.Context, *client.Client, policy.Policy) (wire.PolicyRecord, error)) *cobra.Command {
	var file string
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := output.Choose(e.Global.Format, formats...)
		if err != nil {
			return err
		}
		p, err := readPolicy(cmd, e, file)
		if err != nil {
			return err
		}
		c, err := remote.Connect(e, nil)
		if err != nil {
			return err
		}
		r, err := send(cmd.Context(), c, p)
		if err != nil {
			return err
		}
		for _, idle := range engine.Idle(p) {
			e.Warn("", "policy %s: %s", p.ID, idle)
		}
		return show(e.Out, format, r)
	}
	cmd.Flags().StringVarP(&file, "input", "i", "", "`FILE` with the policy; - is standard input")
	config.Key(cmd.Flags(), "input", "policy."+cmd.Name()+".input")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func readPolicy(cmd *cobra.Command, e *env.Env, file string) (policy.Policy, error) {
	if file == "" {
		return policy.Policy{}, fault.New(fault.Invalid, "%s a policy: no file is named", cmd.Name()).
			WithHint("%s -i FILE", cmd.CommandPath())
	}
	return engine.ReadPolicy(e.Stdin(cmd.Context()), file)
}
