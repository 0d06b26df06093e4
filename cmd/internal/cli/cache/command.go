// Package cache has the commands on the cache of analysed layers, which this
// user's analyses share.
package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	store "github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
)

var formats = []string{output.Text, output.JSON, output.JSONRaw}

const help = `Show and empty the cache: what analyses on this machine have found in the layers
of images, so that a layer that is met again need not be read again.

The cache is this user's and holds nothing that cannot be computed again. It is
bounded by the setting cache.max-size; what was not used for the longest time
goes first.`

// Command is "cache" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "cache", Short: "Show and empty the cache of analysed layers", Long: help}
	cmd.AddCommand(status(e), clear(e))
	return cmd
}

// open opens the cache as it is; nil says that there is none yet, in dir.
func open(e *env.Env) (d *store.Dir, dir string, err error) {
	if dir, err = engine.CacheDir(e); err != nil {
		return nil, "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", fmt.Errorf("find the cache folder: %w", err)
	}
	d, err = store.Open(dir, store.Options{MaxBytes: e.Analysis.Cache.MaxBytes, Existing: true, Now: e.Now})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dir, nil
	}
	return d, dir, err
}

// files is a number of files and their bytes, in JSON.
type files struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// at is a time in JSON; nil where there is none.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// some are a few of many names, for a line of text.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, ", ")
}
