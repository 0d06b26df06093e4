package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

const listHelp = `List the server's work on images: what is under way, what is in line in the order
in which it will be taken up, and what waits for its next attempt.`

// page is how many items are asked for at once.
const page = 1000

type listOptions struct {
	state string
	all   bool
	limit int
}

func list(e *env.Env) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use: "list", Short: "List the server's work on images", Long: listHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), e, o) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.state, "state", "s", "", "only work in this state: running, queued, delayed")
	fs.BoolVarP(&o.all, "all-accounts", "a", false, "the work of all accounts, for administrators")
	fs.IntVar(&o.limit, "limit", 100, "the most items to list; 0 is all")
	config.Key(fs, "state", "queue.list.state")
	config.Key(fs, "all-accounts", "queue.list.all-accounts")
	config.Key(fs, "limit", "queue.list.limit")
	output.Flag(cmd, &e.Global.Format, append(formats, output.CSV)...)
	return cmd
}

func runList(ctx context.Context, e *env.Env, o listOptions) error {
	format, err := output.Choose(e.Global.Format, append(formats, output.CSV)...)
	if err != nil {
		return err
	}
	if o.limit < 0 {
		return fault.New(fault.Invalid, "--limit %d: it is 0 or more", o.limit)
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	q, err := o.read(ctx, c)
	if err != nil {
		return err
	}
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, q)
	case output.ID:
		for _, w := range q.Items {
			if _, err := fmt.Fprintln(e.Out, table.Clean(w.Digest)); err != nil {
				return err
			}
		}
		return nil
	case output.CSV:
		return rows(q.Items, o.all).CSV(e.Out)
	}
	if len(q.Items) > 0 {
		if err := rows(q.Items, o.all).Write(e.Out, e.Out.Columns()); err != nil {
			return err
		}
	}
	e.Say("%d running, %d queued, %d delayed", q.Running, q.Queued, q.Delayed)
	return nil
}

// read asks for page after page.
func (o listOptions) read(ctx context.Context, c *client.Client) (wire.Queue, error) {
	f := wire.QueueFilter{State: o.state, AllAccounts: o.all, Limit: page}
	if o.limit > 0 && o.limit < page {
		f.Limit = o.limit
	}
	var all wire.Queue
	for f.Page = 1; ; f.Page++ {
		q, err := c.Queue(ctx, f)
		if err != nil {
			return all, err
		}
		q.Items = append(all.Items, q.Items...)
		full := len(q.Items) == f.Page*f.Limit
		all = q
		if o.limit > 0 && len(all.Items) >= o.limit {
			all.Items = all.Items[:o.limit]
			full = false
		}
		if !full {
			break
		}
	}
	all.Page, all.Limit = 1, o.limit
	if all.Items == nil {
		all.Items = []wire.Work{}
	}
	return all, nil
}

func rows(items []wire.Work, accounts bool) *table.Table {
	columns := []table.Column{{Name: "Tag", Shrink: true}, {Name: "Digest", Shrink: true, Drop: 3}, {Name: "Stage"}, {Name: "State"},
		{Name: "Priority", Drop: 2}, {Name: "Position"}, {Name: "Attempt"}, {Name: "Worker", Drop: 1}, {Name: "Progress", Drop: 1}}
	if accounts {
		columns = append([]table.Column{{Name: "Account"}}, columns...)
	}
	t := table.New(columns...)
	for _, w := range items {
		position := ""
		if w.Position > 0 {
			position = strconv.Itoa(w.Position)
		}
		cells := []string{strings.Join(w.Tags, " "), w.Digest, w.Stage, w.State, w.Priority, position,
			fmt.Sprintf("%d of %d", w.Attempts, w.MaxAttempts), w.Worker, w.Progress}
		if accounts {
			cells = append([]string{w.AccountName}, cells...)
		}
		t.Row(cells...)
	}
	return t
}
