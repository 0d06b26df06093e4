package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

func show(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show IMAGE", Short: "Show the work on an image, and the attempts at it",
		RunE: func(cmd *cobra.Command, args []string) error { return runShow(cmd.Context(), e, args) },
	}
	output.Flag(cmd, &e.Global.Format, output.Text, output.JSON, output.JSONRaw)
	return cmd
}

func runShow(ctx context.Context, e *env.Env, args []string) error {
	format, err := output.Choose(e.Global.Format, output.Text, output.JSON, output.JSONRaw)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return fault.New(fault.Invalid, "name one image").WithHint("tidepole queue show IMAGE")
	}
	c, found, err := remote.Image(ctx, e, args[0])
	if err != nil {
		return err
	}
	q, err := c.ImageQueue(ctx, found.Digest)
	if err != nil {
		return err
	}
	if format != output.Text {
		return output.WriteJSON(e.Out, format, q)
	}
	return showQueue(e, q)
}

func showQueue(e *env.Env, q wire.ImageQueue) error {
	l := output.NewLines(e.Out)
	l.Add("Digest", "%s", q.Digest)
	l.Add("Status", "%s", dashed(q.Status))
	if q.StatusReason != "" {
		l.Add("Reason", "%s", q.StatusReason)
	}
	if w := q.Work; w != nil {
		l.Add("Work", "%s, %s, %s", w.Stage, w.State, w.Priority)
		l.Add("Asked for", "%s", output.Time(w.CreatedAt))
		l.Add("Attempt", "%d of %d", w.Attempts, w.MaxAttempts)
		if w.Position > 0 {
			l.Add("Position", "%d", w.Position)
		}
		if w.NotBefore != nil {
			l.Add("Next attempt", "%s", output.Time(*w.NotBefore))
		}
		if w.ClaimedAt != nil && w.ExpiresAt != nil {
			l.Add("Worker", "%s, since %s, given up if it says nothing until %s", w.Worker, output.Time(*w.ClaimedAt), output.Time(*w.ExpiresAt))
		}
		if w.Progress != "" {
			l.Add("Progress", "%s", w.Progress)
		}
	}
	if err := l.Err(); err != nil || len(q.Attempts) == 0 {
		return err
	}
	t := table.New(table.Column{Name: "Begun"}, table.Column{Name: "Took", Drop: 1}, table.Column{Name: "Stage"}, table.Column{Name: "Attempt"},
		table.Column{Name: "Outcome"}, table.Column{Name: "Worker", Drop: 2}, table.Column{Name: "Reason", Wrap: true})
	for _, a := range q.Attempts {
		t.Row(output.Time(a.Begun), a.Ended.Sub(a.Begun).Round(time.Millisecond).String(), a.Stage, fmt.Sprint(a.Number),
			dashed(a.Outcome), a.Worker, a.Reason)
	}
	return t.Write(e.Out, e.Out.Columns())
}

// showImages writes where images stand now.
func showImages(e *env.Env, format string, images []wire.Image) error {
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, wire.ImageList{Items: images})
	case output.ID:
		for _, i := range images {
			if _, err := fmt.Fprintln(e.Out, table.Clean(i.Digest)); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.New(table.Column{Name: "Digest", Shrink: true}, table.Column{Name: "State", Wrap: true})
	for _, i := range images {
		t.Row(i.Digest, remote.State(i))
	}
	return t.Write(e.Out, e.Out.Columns())
}
