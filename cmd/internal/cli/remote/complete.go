package remote

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

// completionTime is how long the shell waits for the server's names.
const completionTime = time.Second

// CompleteImages completes the tags of the server's images. A server that does
// not answer at once completes nothing.
func CompleteImages(e *env.Env) cobra.CompletionFunc {
	return complete(e, func(ctx context.Context, c *client.Client) ([]string, error) {
		images, err := c.Images(ctx, wire.ImageFilter{})
		var names []string
		for _, i := range images {
			for _, d := range i.Detail {
				names = append(names, d.FullTag)
			}
		}
		return names, err
	})
}

// CompletePolicies completes the ids of the server's policies.
func CompletePolicies(e *env.Env) cobra.CompletionFunc {
	return complete(e, func(ctx context.Context, c *client.Client) ([]string, error) {
		records, err := c.Policies(ctx, false)
		var names []string
		for _, r := range records {
			names = append(names, r.ID)
		}
		return names, err
	})
}

func complete(e *env.Env, list func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		none := cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 || e.Ready == nil || e.Ready(cmd) != nil {
			return nil, none
		}
		e.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
		c, err := Connect(e, nil)
		if err != nil {
			return nil, none
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		names, err := list(ctx, c)
		if err != nil {
			return nil, none
		}
		for i := range names {
			names[i] = table.Clean(names[i])
		}
		slices.Sort(names)
		return slices.Compact(names), none
	}
}
