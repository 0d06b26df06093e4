package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
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
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "delete even what is being analysed or subscribed to, as every image is that was added")
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
	tagsOf := map[string][]string{}
	if o.all {
		images, err := c.Images(ctx, wire.ImageFilter{})
		if err != nil {
			return err
		}
		for _, image := range images {
			digests = append(digests, image.Digest)
		}
	}
	var unknown []error
	for _, name := range args {
		found, err := remote.Find(ctx, e, c, name)
		if fault.Of(err) == fault.NotFound && len(args) > 1 { // the others are deleted all the same
			unknown = append(unknown, err)
			continue
		}
		if err != nil {
			return err
		}
		if !slices.Contains(digests, found.Digest) {
			digests = append(digests, found.Digest)
		}
		tagsOf[found.Digest] = tags(found.Image)
	}
	if len(digests) == 0 && len(unknown) > 0 {
		return missing(unknown)
	}
	if len(digests) == 0 {
		return showDeletions(e, format, []wire.Deletion{})
	}
	deletions, err := c.DeleteImages(ctx, digests, o.force)
	if err != nil {
		return err
	}
	for _, d := range deletions {
		if names := tagsOf[d.Digest]; len(names) > 1 && d.Status == wire.Deleting {
			e.Say("%s goes with all its tags: %s", d.Digest, strings.Join(names, ", "))
		}
	}
	if err := showDeletions(e, format, deletions); err != nil {
		return err
	}
	return errors.Join(missing(unknown), undeleted(format, deletions, o.force))
}

// missing is the error where some of the images that were named are not there.
func missing(unknown []error) error {
	if len(unknown) < 2 {
		return errors.Join(unknown...)
	}
	f := fault.New(fault.NotFound, "%w", errors.Join(unknown...))
	return f.WithHint("%s", fault.Hint(unknown[0]))
}

// undeleted is the error where images are still there. Why is in the result
// already, unless that is ids alone.
func undeleted(format string, deletions []wire.Deletion, force bool) error {
	kept := slices.DeleteFunc(slices.Clone(deletions), func(d wire.Deletion) bool { return d.Status == wire.Deleting })
	if len(kept) == 0 {
		return nil
	}
	f := fault.New(fault.Conflict, "%d of %d images were not deleted", len(kept), len(deletions))
	if format == output.ID {
		f = fault.New(fault.Conflict, "delete %s: %s", kept[0].Digest, kept[0].Detail)
	}
	if !force && slices.ContainsFunc(kept, func(d wire.Deletion) bool { return d.Status == "delete_failed" }) {
		f.WithHint("--force deletes them all the same; subscriptions to their tags become inactive")
	}
	return f
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
