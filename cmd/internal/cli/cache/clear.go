package cache

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	store "github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
)

const clearHelp = `Remove everything from the cache, what killed processes left there included.

Analyses that run meanwhile are not disturbed: what they read stays readable to
them, and what they write is kept. Files that are no part of the cache stay.`

// removed is the result in JSON.
type removed struct {
	Path       string   `json:"path"`
	Entries    int      `json:"entries"`
	Bytes      int64    `json:"bytes"`
	Unfinished files    `json:"unfinished"`
	Foreign    []string `json:"foreign"` // what is no part of the cache, and stays
}

func clear(e *env.Env) *cobra.Command {
	var age output.Age
	cmd := &cobra.Command{
		Use: "clear", Short: "Remove everything from the cache", Long: clearHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runClear(cmd.Context(), e, time.Duration(age)) },
	}
	cmd.Flags().Var(&age, "older-than", "only what was not used for `AGE`, as in 5d or 36h")
	config.Key(cmd.Flags(), "older-than", "cache.clear.older-than")
	e.Analysis.Cache.RegisterDir(cmd.Flags())
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runClear(ctx context.Context, e *env.Env, age time.Duration) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	d, dir, err := open(e)
	if err != nil {
		return err
	}
	doc := removed{Path: dir, Foreign: []string{}}
	if d != nil {
		defer d.Close()
		if doc, err = empty(ctx, e, d, dir, age); err != nil {
			return err
		}
	}
	if format != output.Text {
		return output.WriteJSON(e.Out, format, doc)
	}
	l := output.NewLines(e.Out)
	l.Add("Folder", "%s", doc.Path)
	l.Add("Entries removed", "%d (%s)", doc.Entries, output.BinaryBytes(doc.Bytes))
	if doc.Unfinished.Count > 0 {
		l.Add("Unfinished removed", "%d (%s)", doc.Unfinished.Count, output.BinaryBytes(doc.Unfinished.Bytes))
	}
	if len(doc.Foreign) > 0 {
		l.Add("Foreign", "%d, which were left alone: %s", len(doc.Foreign), some(doc.Foreign))
	}
	return l.Err()
}

func empty(ctx context.Context, e *env.Env, d *store.Dir, dir string, age time.Duration) (removed, error) {
	var before time.Time
	if age > 0 {
		before = e.Now().Add(-age)
	}
	freed, err := d.Clear(ctx, before)
	if err != nil {
		return removed{}, err
	}
	s, err := look(ctx, d, dir)
	if err != nil {
		return removed{}, err
	}
	return removed{s.Path, freed.Entries, freed.Bytes, files(freed.Unfinished), append([]string{}, s.Foreign...)}, nil
}
