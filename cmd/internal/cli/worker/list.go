package worker

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

var formats = []string{output.Text, output.JSON, output.JSONRaw, output.CSV}

func list(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the processes that work on images, and what each does", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), e) },
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runList(ctx context.Context, e *env.Env) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	all, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, all)
	case output.CSV:
		return rows(e, all).CSV(e.Out)
	}
	return rows(e, all).Write(e.Out, e.Out.Columns())
}

func rows(e *env.Env, all []wire.Worker) *table.Table {
	t := table.New(table.Column{Name: "Name"}, table.Column{Name: "Kind"}, table.Column{Name: "State"}, table.Column{Name: "Places"},
		table.Column{Name: "Last beat", Drop: 2}, table.Column{Name: "Version", Drop: 1}, table.Column{Name: "Work", Shrink: true})
	for _, w := range all {
		state := "up"
		switch {
		case !w.Up:
			state = "silent"
		case w.Message != "":
			state = "waits"
		}
		t.Row(w.Name, w.Kind, state, fmt.Sprint(w.Capacity), output.Span(e.Now().Sub(w.LastBeat))+" ago", w.Version, doing(w))
	}
	return t
}

// doing is what a worker does, or why it does nothing.
func doing(w wire.Worker) string {
	if len(w.Work) == 0 {
		return w.Message
	}
	var all []string
	for _, t := range w.Work {
		text := t.Stage + " " + t.ImageDigest
		if t.Doing != "" {
			text += " (" + t.Doing + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
