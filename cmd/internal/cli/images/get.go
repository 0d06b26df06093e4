package images

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
)

type getOptions struct {
	digest  string
	history bool
}

func get(e *env.Env) *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use: "get IMAGE", Short: "Show an image's record", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runGet(cmd.Context(), e, o, args) },
	}
	cmd.Flags().StringVarP(&o.digest, "digest", "i", "", "the image of this `DIGEST`, instead of IMAGE")
	cmd.Flags().BoolVar(&o.history, "history", false, "show the steps of its analysis too")
	config.Key(cmd.Flags(), "digest", "image.get.digest")
	config.Key(cmd.Flags(), "history", "image.get.history")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runGet(ctx context.Context, e *env.Env, o getOptions, args []string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if len(args) == 0 && o.digest == "" {
		return fault.New(fault.Invalid, "no image is named").WithHint("tidepole image get IMAGE")
	}
	name := o.digest
	if name == "" {
		name = args[0]
	}
	c, found, err := remote.Image(ctx, e, name)
	if err != nil {
		return err
	}
	image, err := c.Image(ctx, found.Digest)
	if err != nil {
		return err
	}
	if err := show(e.Out, format, image); err != nil {
		return err
	}
	if o.history && format == output.Text {
		return history(e.Out, image)
	}
	return nil
}
