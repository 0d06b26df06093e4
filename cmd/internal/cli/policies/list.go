package policies

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

var listFormats = append(formats[:len(formats):len(formats)], output.CSV)

func list(e *env.Env) *cobra.Command {
	var detail bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the server's policies", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), e, detail) },
	}
	cmd.Flags().BoolVar(&detail, "detail", false, "show the policies' content (JSON)")
	config.Key(cmd.Flags(), "detail", "policy.list.detail")
	output.Flag(cmd, &e.Global.Format, listFormats...)
	return cmd
}

func runList(ctx context.Context, e *env.Env, detail bool) error {
	format, err := output.Choose(e.Global.Format, listFormats...)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	records, err := c.Policies(ctx, detail)
	if err != nil {
		return err
	}
	switch format {
	case output.JSON, output.JSONRaw:
		if records == nil {
			records = []wire.PolicyRecord{}
		}
		return output.WriteJSON(e.Out, format, records)
	case output.ID:
		for _, r := range records {
			if _, err := fmt.Fprintln(e.Out, table.Clean(r.ID)); err != nil {
				return err
			}
		}
		return nil
	case output.CSV:
		return rows(records).CSV(e.Out)
	}
	if len(records) == 0 {
		e.Say("no policies")
		return nil
	}
	return rows(records).Write(e.Out, e.Out.Columns())
}

func rows(records []wire.PolicyRecord) *table.Table {
	t := table.New(table.Column{Name: "Name", Shrink: true}, table.Column{Name: "Policy ID"},
		table.Column{Name: "Active"}, table.Column{Name: "Updated", Drop: 1})
	for _, r := range records {
		t.Row(r.Name, r.ID, fmt.Sprint(r.Active), output.Time(r.LastUpdated))
	}
	return t
}
