// Package policies has the commands on policies.
package policies

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

// Command is "policy" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "Add, show, choose and delete policies",
		Long: "Add, show, choose and delete policies.\n\nPOLICY is a policy's id or its name.",
	}
	named := []*cobra.Command{get(e), activate(e), remove(e)}
	for _, c := range named {
		c.ValidArgsFunction = remote.CompletePolicies(e)
	}
	cmd.AddCommand(list(e), add(e), update(e), gates(e))
	cmd.AddCommand(named...)
	return cmd
}

var formats = []string{output.Text, output.JSON, output.JSONRaw, output.ID}

// show writes a policy's record.
func show(w io.Writer, format string, r wire.PolicyRecord) error {
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(w, format, r)
	case output.ID:
		_, err := fmt.Fprintln(w, table.Clean(r.ID))
		return err
	}
	l := output.NewLines(w)
	l.Add("Name", "%s", r.Name)
	l.Add("Policy ID", "%s", r.ID)
	l.Add("Active", "%t", r.Active)
	if r.Description != "" {
		l.Add("Description", "%s", r.Description)
	}
	l.Add("Updated", "%s", output.Time(r.LastUpdated))
	return l.Err()
}

// on finds a policy on the server and does something with it.
func on(ctx context.Context, e *env.Env, name string, do func(*client.Client, string) error) error {
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	id, err := remote.PolicyID(ctx, c, name)
	if err != nil {
		return err
	}
	return do(c, id)
}
