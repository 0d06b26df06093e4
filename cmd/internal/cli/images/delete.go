package images

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

type deleteOptions struct {
	all   bool
	force bool
}

func remove(e *env.Env) *cobra.Command {
	var o deleteOptions
	cmd := &cobra.Command{
		Use: "delete IMAGE...", Aliases: []string{"del"}, Short: "Delete images from the server",
		RunE: func(cmd *cobra.Command, args []string) error { return runDelete(cmd.Context(), e, o, args) },
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "delete every image")
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "delete even what is being analysed or subscribed to")
	config.Key(cmd.Flags(), "force", "image.delete.force")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runDelete(ctx context.Context, e *env.Env, o deleteOptions, args []string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if o.all == (len(args) > 0) {
		return fault.New(fault.Invalid, "name the images to delete, or give --all")
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	var digests []string
	if o.all {
		images, err := c.Images(ctx, wire.ImageFilter{})
		if err != nil {
			return err
		}
		for _, image := range images {
			digests = append(digests, image.Digest)
		}
	}
	for _, name := range args {
		found, err := remote.Find(ctx, e, c, name)
		if err != nil {
			return err
		}
		digests = append(digests, found.Digest)
	}
	if len(digests) == 0 {
		return showDeletions(e, format, []wire.Deletion{})
	}
	deletions, err := c.DeleteImages(ctx, digests, o.force)
	if err != nil {
		return err
	}
	if err := showDeletions(e, format, deletions); err != nil {
		return err
	}
	for _, d := range deletions {
		if d.Status != wire.Deleting {
			return exit.With(exit.Failed, fault.New(fault.Conflict, "delete %s: %s: %s", d.Digest, dashed(d.Status), d.Detail).
				WithHint("--force deletes what is in use"))
		}
	}
	return nil
}

func showDeletions(e *env.Env, format string, deletions []wire.Deletion) error {
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, deletions)
	case output.ID:
		for _, d := range deletions {
			if _, err := fmt.Fprintln(e.Out, table.Clean(d.Digest)); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.New(table.Column{Name: "Digest", Shrink: true}, table.Column{Name: "Status"}, table.Column{Name: "Detail", Wrap: true})
	for _, d := range deletions {
		t.Row(d.Digest, dashed(d.Status), d.Detail)
	}
	return t.Write(e.Out, e.Out.Columns())
}
