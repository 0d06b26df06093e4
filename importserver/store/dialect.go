package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// dialect is what one database does in its own way.
type dialect struct {
	goose goose.Dialect
	// text gives migrations as the database takes them.
	text func(fs.FS) fs.FS
	// migrating keeps other processes from the tables until done is called, and
	// gives the connections to change them by.
	migrating func(context.Context, *sql.DB) (db *sql.DB, done func() error, err error)
	// migrated sees to what else the tables need; nil where that is nothing.
	migrated func(context.Context, querier) error

	writers chan struct{} // as many as may write at once; nil where the database arranges it
	// rowLock ends a query that keeps its rows from being changed by others until
	// the transaction ends; shareLock is the same for those who only want them
	// unchanged, several at a time; existLock only keeps them from being deleted. All
	// are "" where nobody else writes.
	rowLock, shareLock, existLock string
	// claimLock ends the query for the next free item of work w and its image i:
	// it keeps both, and leaves out what others keep.
	claimLock string
	// alone waits for other transactions that ask for the same; nil where nobody
	// else writes.
	alone func(ctx context.Context, t *Tx, what string) error
	// take gives n numbers for new rows, each larger than the one before.
	take func(ctx context.Context, t *Tx, name string, n int) ([]int64, error)
	// bell is how other processes hear of new work; nil where there are none.
	bell bell
	// counted tells how many numbers were taken at least; nil where the table ids says so.
	counted func(ctx context.Context, t *Tx, name string) (int64, error)
	// reading begins a transaction that sees all rows as they are at one moment.
	reading *sql.TxOptions
	// unhurried are statements that take the limits of time from a transaction.
	unhurried []string
	// parameters is how many a statement that writes many rows has at most; 0 where
	// it is quicker to write them one by one.
	parameters int
	// backup writes all rows to a SQLite file; nil where they are to be copied.
	backup func(ctx context.Context, db *sql.DB, path string) error
	// bytes has a text come as bytes where the driver would copy it once more to
	// make a string of it.
	bytes func(expression string) string
	// args are parameters as the database takes them.
	args func([]any) []any

	// explain makes a fault of an error that its reader can do something about.
	explain func(error) error
	// again tells whether a transaction that failed so often may be tried again.
	again func(err error, attempt int) bool
	// undone tells whether a commit that failed certainly wrote nothing.
	undone func(error) bool
}

// take reserves n numbers for new rows.
func (t *Tx) take(ctx context.Context, name string, n int) ([]int64, error) {
	numbers, err := t.dialect.take(ctx, t, name, n)
	if err != nil {
		return nil, fmt.Errorf("number new %s: %w", name, err)
	}
	return numbers, nil
}
