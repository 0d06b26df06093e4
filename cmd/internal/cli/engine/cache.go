package engine

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/fault"
)

// CacheDir is the folder that the settings name for the cache, or the user's.
func CacheDir(e *env.Env) (string, error) {
	dir := e.Analysis.Cache.Dir
	if dir != "" && e.Config.Stray("cache.dir") {
		return "", fault.New(fault.Forbidden, "use the cache folder %s: %s in the working folder names it, which may be a stranger's, and what a cache holds is taken for evidence", dir, e.Config.Path).
			WithHint("if you trust the file, name it: -c %s or TIDEPOLE_CONFIG; else name the folder: --cache-dir or TIDEPOLE_CACHE_DIR", e.Config.Path)
	}
	if dir == "" {
		dir = config.CacheDir(e.Lookup)
	}
	if dir == "" {
		return "", fault.New(fault.Invalid, "use the cache: this user has no home folder").
			WithHint("name a folder with --cache-dir or TIDEPOLE_CACHE_DIR; --no-cache does without one")
	}
	return dir, nil
}

// openCache opens the cache for one analysis. Where it cannot be used, warn is
// told why, and there is none: an analysis does not need it.
func openCache(e *env.Env, warn func(error)) *cache.Dir {
	c := e.Analysis.Cache
	if c.Off || c.MaxBytes == 0 {
		return nil
	}
	dir, err := CacheDir(e)
	if err != nil {
		warn(err)
		return nil
	}
	store, err := cache.Open(dir, cache.Options{MaxBytes: c.MaxBytes, Now: e.Now, Warn: warn})
	if err != nil {
		warn(err)
		return nil
	}
	return store
}

// withCache runs do with the cache in o, if there is one.
func withCache(e *env.Env, warn func(error), do func(cache.Store) error) error {
	store := openCache(e, warn)
	if store == nil {
		return do(nil)
	}
	defer store.Close()
	return do(told{store, e.Log})
}

// told is a cache that tells the log which entries were damaged.
type told struct {
	cache.Store
	log *slog.Logger
}

// Get opens an entry.
func (t told) Get(ctx context.Context, kind, key string) (cache.Blob, error) {
	b, err := t.Store.Get(ctx, kind, key)
	if errors.Is(err, cache.ErrMisplaced) {
		t.log.InfoContext(ctx, "damaged cache entry removed", "kind", kind, "key", key, "error", err)
	}
	return b, err
}

// rewritten is the kind of the entries that are removed to be written anew, and
// for no damage.
const rewritten = "catalogue-candidates"

// Remove removes an entry that its reader found to be damaged.
func (t told) Remove(ctx context.Context, kind, key string) error {
	err := t.Store.Remove(ctx, kind, key)
	switch {
	case err != nil:
		t.log.WarnContext(ctx, "damaged cache entry not removed", "kind", kind, "key", key, "error", err)
	case kind != rewritten:
		t.log.InfoContext(ctx, "damaged cache entry removed", "kind", kind, "key", key)
	}
	return err
}

// warnCache tells the user that an analysis goes on without the cache.
func warnCache(e *env.Env) func(error) {
	return func(err error) {
		e.Warn(fault.Hint(err), "%s; the analysis goes on without it", err)
	}
}

// logCache is warnCache for a server.
func logCache(ctx context.Context, e *env.Env) func(error) {
	return func(err error) { e.Log.WarnContext(ctx, "cache not used", "error", err, "hint", fault.Hint(err)) }
}
