// Package vulns matches the packages of an image against a vulnerability
// database, and keeps that database: it takes new ones in, checks them, and
// puts them in the place of the old while matches go on.
//
// The database is grype's, of schema 6, and so are the matchers: for the same
// SBOM and the same database the result is the grype command's.
package vulns

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// Options say where a database is kept and where new ones come from.
type Options struct {
	Dir     string        // the folder that holds it; made when missing, owned by this package
	URL     string        // …/latest.json, the folder above v6/latest.json, or an archive; "" is grype's distribution
	CAFiles []string      // PEM certificates trusted for URL besides the system's
	MaxAge  time.Duration // matches against an older database say so in their notes; 0 never
	TempDir string        // for what a match must spill; "" is the system's
	Stall   time.Duration // a download without a byte for so long is given up; 0 is a minute
	Limits  Limits
	Now     func() time.Time                      // nil is time.Now
	Proxy   func(*http.Request) (*url.URL, error) // as http.ProxyFromEnvironment; nil goes without one
}

// Limits bound what an import and a question may cost. A zero field is its default.
type Limits struct {
	Archive  int64 // bytes read; 4 GiB
	Database int64 // bytes of the database when unpacked; 16 GiB
	Entries  int   // files in the archive; 1000
	Affected int   // packages that one Lookup tells of; 20,000
}

func (o Options) withDefaults() Options {
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Limits.Archive == 0 {
		o.Limits.Archive = 4 << 30
	}
	if o.Limits.Database == 0 {
		o.Limits.Database = 16 << 30
	}
	if o.Limits.Affected == 0 {
		o.Limits.Affected = 20_000
	}
	if o.Limits.Entries == 0 {
		o.Limits.Entries = 1000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Database is the vulnerability database of one folder. Any number of
// goroutines may use it, and any number of processes may use the folder.
type Database struct {
	opts Options

	mu     sync.Mutex
	gen    *generation // the one that new matches use; nil until the first
	closed bool
}

// Open opens the folder, and removes what a killed import left in it. That it
// holds no database is not an error: Status tells.
func Open(o Options) (*Database, error) {
	if o.Dir == "" {
		return nil, fault.New(fault.Invalid, "open vulnerability database: no folder was given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open vulnerability database in %s: %w", o.Dir, err)
	}
	if strings.ContainsAny(dir, "?#%") {
		// grype builds a URI of the path without escaping it.
		return nil, fault.New(fault.Invalid, "open vulnerability database in %q: the path may not contain ?, # or %%", dir).
			WithHint("choose another folder for the data")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	o.Dir = dir
	d := &Database{opts: o.withDefaults()}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("open vulnerability database: %w", err)
	}
	return d, nil
}

// Status describes the database that the next match would use.
func (d *Database) Status(ctx context.Context) report.Database {
	g, err := d.acquire(ctx)
	if err != nil {
		return report.Database{Error: err.Error()}
	}
	if g == nil {
		return absent()
	}
	defer d.release(g)
	return g.record.Database
}

// absent is the identity of no database at all.
func absent() report.Database {
	return report.Database{Error: "no vulnerability database has been imported or downloaded"}
}

// Close lets go of the database; it is closed once the last running match ends.
func (d *Database) Close() error {
	d.mu.Lock()
	old := d.gen
	d.gen, d.closed = nil, true
	last := d.retire(old)
	d.mu.Unlock()
	if last {
		return old.close()
	}
	return nil
}
