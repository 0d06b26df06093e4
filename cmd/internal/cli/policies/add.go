package policies

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
)

func add(e *env.Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "add -i FILE", Short: "Add a policy from a file", Args: cobra.NoArgs,
		Long: "Add a policy from a JSON file, or from standard input (-). It is checked first, and\nall its defects are listed; \"tidepole policy gates\" shows what rules may be about.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runAdd(cmd.Context(), e, file) },
	}
	cmd.Flags().StringVarP(&file, "input", "i", "", "`FILE` with the policy; - is standard input")
	config.Key(cmd.Flags(), "input", "policy.add.input")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runAdd(ctx context.Context, e *env.Env, file string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if file == "" {
		return fault.New(fault.Invalid, "add a policy: no file is named").WithHint("tidepole policy add -i FILE")
	}
	p, err := engine.ReadPolicy(e.Stdin(ctx), file)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	r, err := c.AddPolicy(ctx, p)
	if err != nil {
		return err
	}
	return show(e.Out, format, r)
}
