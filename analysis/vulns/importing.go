package vulns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	v6 "github.com/anchore/grype/grype/db/v6"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// Import takes a database in: a .tar.zst, .tar.gz, .tar.xz or .tar archive, or
// the database's file itself; which one is told by the content. name is what
// to record as its origin. With a checksum ("sha256:<hex>") the bytes of r
// must have it. The new database takes the place of the old one at once,
// if accept, unless that is nil, does not fail; matches that are running end with
// the old. All of r is read before accept is called.
func (d *Database) Import(ctx context.Context, r io.Reader, name, checksum string, accept func(report.Database) error) (report.Database, error) {
	sum, err := parseChecksum(checksum)
	if err != nil {
		return report.Database{}, err
	}
	o := origin{name: cleanName(name), checksum: sum, accept: accept}
	rec, err := d.take(ctx, r, o)
	return rec.Database, o.explain(err)
}

// origin is where an archive comes from, and what is known of it.
type origin struct {
	name     string // without credentials, safe to print
	checksum string // hex; "" unknown
	etag     string
	unless   string                      // digest of a database that need not be taken in again
	copy     io.Writer                   // gets the archive's bytes, too, unless nil
	accept   func(report.Database) error // may refuse a sound database before it is in use, unless nil
}

// errSame says that the archive holds the database that is in use already.
var errSame = errors.New("the database is the one in use")

// take reads, checks and stores a database, and makes it the current one.
func (d *Database) take(ctx context.Context, r io.Reader, o origin) (record, error) {
	lock, err := d.lockImports(ctx)
	if err != nil {
		return record{}, err
	}
	defer lock.Close()
	staging, err := os.MkdirTemp(d.opts.Dir, stagingPrefix)
	if err != nil {
		return record{}, err
	}
	defer os.RemoveAll(staging)

	file := filepath.Join(staging, v6.VulnerabilityDBFileName)
	if o.copy != nil {
		r = io.TeeReader(r, o.copy)
	}
	digest, err := unpack(ctx, r, file, o.checksum, d.opts.Limits)
	if err != nil {
		return record{}, err
	}
	if digest == o.unless {
		return record{}, errSame
	}
	rec, err := prepare(ctx, staging)
	if err != nil {
		return record{}, err
	}
	rec.Digest, rec.Source, rec.ETag = digest, o.name, o.etag
	rec.Imported = d.opts.Now().UTC()
	if o.accept != nil {
		if err := o.accept(rec.Database); err != nil {
			return record{}, err
		}
	}
	if err := d.activate(staging, rec); err != nil {
		return record{}, err
	}
	return rec, d.sweepLocked()
}

// activate gives a finished import its name and points to it. Killed at any
// point, it leaves either the old database in use or the new one.
func (d *Database) activate(staging string, rec record) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(staging, recordFile), data); err != nil {
		return err
	}
	if err := syncPath(staging); err != nil {
		return err
	}
	name := generationName(rec)
	if err := os.Rename(staging, filepath.Join(d.opts.Dir, name)); err != nil {
		return err
	}
	next := filepath.Join(d.opts.Dir, stagingPrefix+currentFile)
	if err := writeSynced(next, []byte(name+"\n")); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(d.opts.Dir, currentFile)); err != nil {
		return err
	}
	return syncPath(d.opts.Dir)
}

// generationName is never used twice: SQLite's shared cache is keyed by path.
func generationName(rec record) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return namePrefix + rec.Imported.Format("20060102T150405") + "-" + hex.EncodeToString(random[:])
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain says in an error what was being imported, and keeps its kind.
func (o origin) explain(err error) error {
	var f *fault.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return fault.New(f.Kind, "import vulnerability database from %s: %w", o.name, err).WithHint("%s", fault.Hint(err))
	case errors.Is(err, syscall.ENOSPC):
		return fault.New(fault.Unavailable, "import vulnerability database from %s: %w", o.name, err).
			WithHint("make room on that disk: a database needs some 2 GB unpacked, and the old one stays until the new one is in use")
	}
	return fmt.Errorf("import vulnerability database from %s: %w", o.name, err)
}

// parseChecksum gives the hex digits of "sha256:<hex>" or of the bare digits.
func parseChecksum(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	digits := strings.ToLower(strings.TrimPrefix(s, "sha256:"))
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 32 {
		return "", fault.New(fault.Invalid, "checksum %q is not sha256: and 64 hex digits", s)
	}
	return digits, nil
}

// cleanName is name as it may be kept and shown: a file's name without its
// folder, a URL without credentials, nothing that a terminal would obey.
func cleanName(name string) string {
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		name = plain(u)
	} else {
		name = filepath.Base(filepath.Clean(name))
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if name == "" || name == "." || name == "/" || name == "-" {
		return "stdin"
	}
	return name[:min(len(name), 1000)]
}

// plain is a URL without user, password, query and fragment, any of which may
// hold a secret.
func plain(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
