package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/glebarez/go-sqlite" // registers "sqlite"; the one place that imports a driver of that name
	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
)

// SQLite's result codes that are told apart here.
const (
	sqliteCorrupt = 11 // SQLITE_CORRUPT: the file's pages contradict each other
	sqliteFull    = 13 // SQLITE_FULL: the disk has no more space
	sqliteNotADB  = 26 // SQLITE_NOTADB: the file is something else
)

// openSQLite opens the database file at path, which is made where absent.
// Transactions take the file's write lock when they begin, so that none fails
// half-way; within this process they queue for it instead of polling.
func openSQLite(ctx context.Context, path string) (*Store, error) {
	q := url.Values{}
	q.Set("_txlock", "immediate")
	for _, pragma := range []string{
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
	} {
		q.Add("_pragma", pragma)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(opening(path, err), db.Close())
	}
	return &Store{db: db, dialect: goose.DialectSQLite3, writers: make(chan struct{}, 1), full: isSQLiteFull}, nil
}

// opening is why the file at path could not be opened.
func opening(path string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqliteCorrupt || e.Code()&0xff == sqliteNotADB) {
		return fault.New(fault.Unsupported, "open %s: %w", path, err).
			WithHint("the file is damaged: put a backup of the data directory in its place, or move it away and add the images again")
	}
	return fmt.Errorf("open %s: %w", path, err)
}

func isSQLiteFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqliteFull
}
