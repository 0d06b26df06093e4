package engine

import (
	"context"
	"io"
	"net/http"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	rules "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// Local is the vulnerability database of this user's own, for what runs
// without a server.
type Local struct {
	Dir string
	URL string
}

// Register adds the flags.
func (l *Local) Register(fs *pflag.FlagSet) {
	l.RegisterDir(fs)
	l.RegisterURL(fs)
}

// RegisterURL adds the flag of a command that downloads.
func (l *Local) RegisterURL(fs *pflag.FlagSet) {
	fs.StringVar(&l.URL, "vulndb-url", "", "`URL` the database is downloaded from (default: grype's distribution)")
	config.Key(fs, "vulndb-url", "vulndb.url")
}

// RegisterDir adds the flag that names the folder.
func (l *Local) RegisterDir(fs *pflag.FlagSet) {
	fs.StringVar(&l.Dir, "db", "", "`DIR` of the local vulnerability database (default: vulndb in the cache folder)")
	config.Key(fs, "db", "vulndb.dir")
}

// Open opens the database; that there is none is no error.
func (l *Local) Open(e *env.Env) (*vulns.Database, error) {
	dir := l.Dir
	if dir == "" {
		cache := config.CacheDir(e.Lookup)
		if cache == "" {
			return nil, fault.New(fault.Invalid, "open the local vulnerability database: this user has no home folder").
				WithHint("name a folder for it with --db DIR")
		}
		dir = filepath.Join(cache, "vulndb")
	}
	return OpenDatabase(e, dir, l.URL)
}

// OpenDatabase opens the database of a folder.
func OpenDatabase(e *env.Env, dir, url string) (*vulns.Database, error) {
	temp, err := e.TempDir()
	if err != nil {
		return nil, err
	}
	return vulns.Open(vulns.Options{Dir: dir, URL: url, CAFiles: e.Global.CAFiles, Proxy: http.ProxyFromEnvironment, TempDir: temp, Now: e.Now})
}

// Assess draws the report of a bundle, in this process.
func Assess(ctx context.Context, b *bundle.Bundle, db *vulns.Database, p rules.Policy, tag string) (*report.Report, error) {
	return analysis.Assess(ctx, b, db, p, tag)
}

// Near is a database of this machine, with the names of a server's operations.
type Near struct{ DB *vulns.Database }

// Database says which database there is.
func (n Near) Database(ctx context.Context) (report.Database, error) {
	return n.DB.Status(ctx), nil
}

// ImportDatabase brings a database in.
func (n Near) ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error) {
	return n.DB.Import(ctx, r, name, checksum, nil)
}

// UpdateDatabase downloads the newest one.
func (n Near) UpdateDatabase(ctx context.Context) (report.Database, error) {
	db, _, err := n.DB.Update(ctx, nil, false, nil)
	return db, err
}
