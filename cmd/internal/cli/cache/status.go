package cache

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	store "github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
)

// state is the result in JSON.
type state struct {
	Path       string     `json:"path"`
	MaxBytes   int64      `json:"max_bytes"` // 0: nothing is kept
	Entries    int        `json:"entries"`
	Bytes      int64      `json:"bytes"`
	Oldest     *time.Time `json:"oldest_use,omitempty"`
	Newest     *time.Time `json:"latest_use,omitempty"`
	Kinds      []kind     `json:"kinds"`
	Pending    files      `json:"pending"`
	Unfinished files      `json:"unfinished"`
	Foreign    []string   `json:"foreign"`
}

type kind struct {
	Kind    string     `json:"kind"`
	Entries int        `json:"entries"`
	Bytes   int64      `json:"bytes"`
	Oldest  *time.Time `json:"oldest_use,omitempty"`
	Newest  *time.Time `json:"latest_use,omitempty"`
}

func status(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Show what the cache holds, and what it may", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), e) },
	}
	e.Analysis.Cache.RegisterDir(cmd.Flags())
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runStatus(ctx context.Context, e *env.Env) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	d, dir, err := open(e)
	if err != nil {
		return err
	}
	s := store.Status{Path: dir}
	if d != nil {
		defer d.Close()
		if s, err = look(ctx, d, dir); err != nil {
			return err
		}
	}
	s.MaxBytes = e.Analysis.Cache.MaxBytes // a folder has no bound of 0
	if format != output.Text {
		return output.WriteJSON(e.Out, format, document(s))
	}
	return show(e, s, d != nil)
}

func document(s store.Status) state {
	doc := state{
		Path: s.Path, MaxBytes: s.MaxBytes, Entries: s.Entries, Bytes: s.Bytes, Oldest: at(s.Oldest), Newest: at(s.Newest),
		Kinds: []kind{}, Pending: files(s.Pending), Unfinished: files(s.Unfinished), Foreign: append([]string{}, s.Foreign...),
	}
	for _, k := range s.Kinds {
		doc.Kinds = append(doc.Kinds, kind{k.Name, k.Entries, k.Bytes, at(k.Oldest), at(k.Newest)})
	}
	return doc
}

// look is what the cache in dir holds. All paths are told as seen from dir, which
// is what settings name.
func look(ctx context.Context, d *store.Dir, dir string) (store.Status, error) {
	s, err := d.Status(ctx)
	if err != nil {
		return s, err
	}
	for _, name := range []string{"entries", "pending"} {
		at := filepath.Join(s.Path, name)
		if info, err := os.Lstat(at); err == nil && !info.IsDir() {
			return s, fault.New(fault.Invalid, "use the cache folder %s: %s is not a folder; links are not followed", dir, at).
				WithHint("remove %s, or name another folder with --cache-dir", at)
		}
	}
	for i, name := range s.Foreign {
		s.Foreign[i] = filepath.Join(filepath.Base(s.Path), name)
	}
	s.Path = dir
	return s, nil
}

func show(e *env.Env, s store.Status, there bool) error {
	l := output.NewLines(e.Out)
	if there {
		l.Add("Folder", "%s", s.Path)
	} else {
		l.Add("Folder", "%s (the first analysis makes it)", s.Path)
	}
	if s.MaxBytes == 0 {
		l.Add("Limit", "0: nothing is kept (cache.max-size)")
	} else {
		l.Add("Limit", "%s", output.BinaryBytes(s.MaxBytes))
	}
	l.Add("Entries", "%d", s.Entries)
	l.Add("Size", "%s", output.BinaryBytes(s.Bytes))
	l.Add("Oldest Use", "%s", output.Time(s.Oldest))
	l.Add("Latest Use", "%s", output.Time(s.Newest))
	if s.Pending.Count > 0 {
		l.Add("Being Written", "%d (%s)", s.Pending.Count, output.BinaryBytes(s.Pending.Bytes))
	}
	if s.Unfinished.Count > 0 {
		l.Add("Unfinished", "%d (%s), which the next analysis removes", s.Unfinished.Count, output.BinaryBytes(s.Unfinished.Bytes))
	}
	if len(s.Foreign) > 0 {
		l.Add("Foreign", "%d, which are left alone: %s", len(s.Foreign), some(s.Foreign))
	}
	if len(s.Kinds) == 0 {
		return l.Err()
	}
	l.Blank()
	if err := l.Err(); err != nil {
		return err
	}
	return kindTable(s.Kinds).Write(e.Out, e.Out.Columns())
}

func kindTable(kinds []store.Kind) *table.Table {
	t := table.New(table.Column{Name: "Kind"}, table.Column{Name: "Entries", Right: true}, table.Column{Name: "Size", Right: true},
		table.Column{Name: "Oldest Use"}, table.Column{Name: "Latest Use"})
	for _, k := range kinds {
		t.Row(k.Name, strconv.Itoa(k.Entries), output.BinaryBytes(k.Bytes), output.Time(k.Oldest), output.Time(k.Newest))
	}
	return t
}
