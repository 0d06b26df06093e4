package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/glebarez/go-sqlite" // registers "sqlite"; the one place that imports a driver of that name
	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
)

// SQLite's result codes that are told apart here.
const (
	sqliteInterrupt = 9    // SQLITE_INTERRUPT: the statement's context ended
	sqliteCorrupt   = 11   // SQLITE_CORRUPT: the file's pages contradict each other
	sqliteFull      = 13   // SQLITE_FULL: the disk has no more space
	sqliteNotADB    = 26   // SQLITE_NOTADB: the file is something else
	sqliteShmSize   = 4874 // SQLITE_IOERR_SHMSIZE: it has none for the index of the log
)

// openSQLite opens the database file at "sqlite:PATH", which is made where absent.
// Transactions take the file's write lock when they begin, so that none fails
// half-way; within this process they queue for it instead of polling, and have a
// connection of their own: a commit empties the caches of all others, and most
// transactions write pages that the last one wrote.
func openSQLite(ctx context.Context, location string) (*Store, error) {
	path := strings.TrimPrefix(location, "sqlite:")
	q := url.Values{}
	q.Set("_txlock", "immediate")
	for _, pragma := range []string{
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"cache_size(-16384)",    // KiB, of each connection
		"mmap_size(1073741824)", // pages of the file are the kernel's to keep: a commit empties the caches of all connections
	} {
		q.Add("_pragma", pragma)
	}
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8) // one that is opened reads the schema, and maps the file anew
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(opening(path, err), db.Close())
	}
	writing, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	writing.SetMaxOpenConns(1)
	return &Store{db: db, writing: writing, dialect: *sqliteDialect()}, nil
}

func sqliteDialect() *dialect {
	return &dialect{
		goose: goose.DialectSQLite3,
		text:  func(f fs.FS) fs.FS { return f },
		migrating: func(_ context.Context, db *sql.DB) (*sql.DB, func() error, error) {
			return db, func() error { return nil }, nil
		},
		writers: make(chan struct{}, 1),
		take:    takeFromTable,
		bytes:   func(text string) string { return `CAST(` + text + ` AS BLOB)` },
		args:    func(args []any) []any { return args },
		backup: func(ctx context.Context, db *sql.DB, path string) error {
			_, err := db.ExecContext(ctx, `VACUUM INTO $1`, path)
			return err
		},
		explain: explainSQLite,
		again:   func(error, int) bool { return false },
		undone:  func(error) bool { return false },
	}
}

// takeFromTable counts the numbers that were taken in a row of their own.
func takeFromTable(ctx context.Context, t *Tx, name string, n int) ([]int64, error) {
	var last int64
	err := t.one(ctx, `UPDATE ids SET taken = taken + $2 WHERE name = $1 RETURNING taken`, []any{name, n}, []any{&last})
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = last - int64(n) + 1 + int64(i)
	}
	return numbers, err
}

// opening is why the file at path could not be opened.
func opening(path string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqliteCorrupt || e.Code()&0xff == sqliteNotADB) {
		return fault.New(fault.Unsupported, "open %s: %w", path, err).
			WithHint("the file is damaged: put a backup of the data directory in its place, or move it away and add the images again")
	}
	return fmt.Errorf("open %s: %w", path, explainSQLite(err))
}

// explainSQLite makes faults of those errors that say what is to be done.
func explainSQLite(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || fault.Of(err) != fault.Internal {
		return err
	}
	switch {
	case e.Code()&0xff == sqliteFull, e.Code() == sqliteShmSize:
		return fault.New(fault.Unavailable, "write to the store: %w", err).WithHint("free space in the server's data directory")
	case e.Code()&0xff == sqliteInterrupt:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return err
}
