package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/importserver/store" // registers the drivers, too
)

// reader opens the server's rows for a look.
func (w *World) reader() (*sql.DB, error) {
	if w.rowStore != nil {
		return sql.Open("pgx", w.rowStore.url(w.rowStore.address))
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	return sql.Open("sqlite", "file:"+filepath.Join(w.servers[0].data(), "tidepole.db")+"?"+q.Encode())
}

// workLeft counts the pieces of work.
func (w *World) workLeft(ctx context.Context) (n int, err error) {
	db, err := w.reader()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM work`).Scan(&n)
	return n, err
}

// rows sees that the rows are sound, and that blobs and rows know of each other:
// every blob that a row refers to is there, and once collection had its time none
// is there that no row refers to.
func (w *World) rows(ctx context.Context) error {
	db, err := w.reader()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, check := range []string{"integrity_check", "foreign_key_check"} {
		if w.rowStore != nil {
			break // PostgreSQL has no such thing
		}
		said, err := texts(ctx, db, "PRAGMA "+check)
		if err != nil || len(said) > 0 && said[0] != "ok" {
			return errors.Join(fmt.Errorf("%s says %q", check, said), err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		orphans, err := w.orphans(ctx, db)
		if err == nil && len(orphans) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("blobs that no row refers to are not collected: %q", orphans), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// blobNames are the last parts of the names of blobs.
const blobNames = `SELECT substr(digest, 8) || CASE WHEN generation = '' THEN '' ELSE '.' || generation END || '.zst' FROM blobs`

// orphans are the blobs that no row refers to. A blob that is referred to and is
// not there is an error.
func (w *World) orphans(ctx context.Context, db *sql.DB) ([]string, error) {
	var used []string
	for _, r := range store.BlobReferences {
		used = append(used, `SELECT `+r.Column+` FROM `+r.Table)
	}
	wanted, err := texts(ctx, db, blobNames+` WHERE digest IN (`+strings.Join(used, " UNION ")+`)`)
	if err != nil {
		return nil, err
	}
	there, err := w.blobs()
	if err != nil {
		return nil, err
	}
	w.figures.Blobs = max(w.figures.Blobs, len(wanted))
	for _, name := range wanted {
		if there[name] == "" {
			return nil, fmt.Errorf("the blob %s is referred to, and is not there", name)
		}
		delete(there, name)
	}
	// Evidence that was brought while the clock was ahead is kept until that time has come.
	kept, err := texts(ctx, db, blobNames+` WHERE touched_at > `+strconv.FormatInt(time.Now().UnixMicro(), 10))
	if err != nil {
		return nil, err
	}
	for _, name := range kept {
		delete(there, name)
	}
	return slices.Sorted(maps.Values(there)), nil
}

// installation is the one file of the blob store that is no blob: it tells whose it is.
const installation = "installation"

// blobs are the files of the blob store, by their last part.
func (w *World) blobs() (map[string]string, error) {
	there := map[string]string{}
	if w.bucket != nil {
		all, err := w.bucket.names()
		for _, name := range all {
			if path.Base(name) != installation {
				there[path.Base(name)] = name
			}
		}
		return there, err
	}
	dir := filepath.Join(w.servers[0].data(), "blobs")
	return there, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != installation {
			there[d.Name()] = path
		}
		return ignoreAbsent(err)
	})
}

func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// litter are the files in the server's temporary folders.
func (w *World) litter() ([]string, error) {
	var left, dirs []string
	for _, p := range w.servers {
		dirs = append(dirs, p.temp(), filepath.Join(p.data(), "tmp"))
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != dir {
				left = append(left, path)
			}
			return ignoreAbsent(err)
		})
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}
