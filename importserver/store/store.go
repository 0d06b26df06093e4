// Package store keeps the rows of an import server: what is searched, joined and
// counted. Everything else of the evidence lies in blobs.
//
// One SQL text serves every database: numbered parameters, ON CONFLICT and
// RETURNING, times as integers. What differs is in the file of a driver.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// ErrNone says that there is no such row.
var ErrNone = errors.New("no such row")

// Store is a database of rows. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	dialect goose.Dialect
	writers chan struct{}    // as many as may write at once; nil where the database arranges it
	full    func(error) bool // tells whether an error means that the disk is full
	render  Renderer         // what lists show of an image; nil where there are none
}

// Open connects to the database that a URL names and brings its tables up to
// date. See drivers for the schemes.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate the store: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	p, err := s.migrations(migrations.FS)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

func (s *Store) migrations(from fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(s.dialect, s.db, from, goose.WithDisableGlobalRegistry(true))
}

// Version is the number of the newest migration that the database has.
func (s *Store) Version(ctx context.Context) (int64, error) {
	p, err := s.migrations(migrations.FS)
	if err != nil {
		return 0, err
	}
	return p.GetDBVersion(ctx)
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

// Tx reads and writes rows: within one transaction where InTx made it.
type Tx struct {
	q       querier
	changed map[int64]bool // images to render anew
}

type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

// View reads rows as they are, each statement for itself. It never waits for writers.
func (s *Store) View() *Tx { return &Tx{q: s.db} }

// InTx runs do in one transaction, which is undone when do fails or panics. A
// full disk is fault.Unavailable.
func (s *Store) InTx(ctx context.Context, do func(*Tx) error) error {
	err := s.inTx(ctx, do)
	if err != nil && s.full(err) {
		return fault.New(fault.Unavailable, "write to the store: %w", err).WithHint("free space in the server's data directory")
	}
	return err
}

func (s *Store) inTx(ctx context.Context, do func(*Tx) error) error {
	if s.writers != nil {
		select {
		case s.writers <- struct{}{}:
			defer func() { <-s.writers }()
		case <-ctx.Done():
			return fmt.Errorf("wait for the store: %w", ctx.Err())
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	t := &Tx{q: tx, changed: map[int64]bool{}}
	if err := do(t); err != nil {
		return err
	}
	if s.render != nil {
		if err := t.renderChanged(ctx, s.render); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// exec runs a statement and tells how many rows it touched.
func (t *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one scans the single row of a query; ErrNone where there is none.
func (t *Tx) one(ctx context.Context, query string, args, into []any) error {
	err := t.q.QueryRowContext(ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNone
	}
	return err
}

// each calls scan for every row of a query.
func (t *Tx) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// take reserves n numbers for new rows and gives the first.
func (t *Tx) take(ctx context.Context, name string, n int) (int64, error) {
	var last int64
	err := t.one(ctx, `UPDATE ids SET taken = taken + $2 WHERE name = $1 RETURNING taken`, []any{name, n}, []any{&last})
	if err != nil {
		return 0, fmt.Errorf("number new %s: %w", name, err)
	}
	return last - int64(n) + 1, nil
}

// micros is a time as rows have it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
