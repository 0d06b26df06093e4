package env

import (
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
)

// Cache says where results of analyses are kept for the next ones.
type Cache struct {
	Off      bool
	Dir      string // "" is the user's
	MaxBytes int64  // 0: nothing is kept
}

// register adds the flags of a command that analyses.
func (c *Cache) register(fs *pflag.FlagSet) {
	fs.BoolVar(&c.Off, "no-cache", false, "compute everything anew, and keep nothing for the next time")
	config.Key(fs, "no-cache", "no-cache")
	c.RegisterDir(fs)
}

// RegisterDir adds the flag that names the folder.
func (c *Cache) RegisterDir(fs *pflag.FlagSet) {
	fs.StringVar(&c.Dir, "cache-dir", "", "`DIR` of the cache of analysed layers (default: tidepole in the user's cache folder)")
	config.Key(fs, "cache-dir", "cache.dir")
}
