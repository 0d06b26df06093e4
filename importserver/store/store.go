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
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// ErrNone says that there is no such row.
var ErrNone = errors.New("no such row")

// Store is a database of rows. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	writing *sql.DB // for transactions; db where these have no connection of their own
	dialect dialect
	render  Renderer // what lists show of an image; nil where there are none

	observer Observer                     // told of every operation; may be nil
	watcher  atomic.Pointer[func(string)] // told of every statement; may be nil

	announced chan struct{} // holds one where new work was announced
	turn      atomic.Int64  // when the transaction that writes now got its turn, in Unix nanoseconds
}

// Open connects to the database that a URL names and brings its tables up to
// date. See drivers for the schemes. What is wrong with the database is a fault;
// none tells the URL's password.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s.announced = make(chan struct{}, 1)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(s.dialect.explain(fmt.Errorf("migrate the store: %w", err)), s.Close())
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	if s.dialect.bell != nil {
		s.dialect.bell.close()
	}
	if s.writing != s.db {
		return errors.Join(s.writing.Close(), s.db.Close())
	}
	return s.db.Close()
}

// Shared tells whether other processes may use the store at the same time.
func (s *Store) Shared() bool { return s.dialect.writers == nil }

// Tx reads and writes rows: within one transaction where InTx made it.
type Tx struct {
	q       querier
	dialect *dialect
	inside  bool           // a transaction
	changed map[int64]bool // images to render anew
	anew    bool           // with all of their tags
}

type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

// View reads rows as they are, each statement for itself. It never waits for writers.
func (s *Store) View() *Tx { return &Tx{q: reads{watched{s.db, s}, s}, dialect: &s.dialect} }

// patience is how long a transaction is tried again that others got in the way of,
// or that lost its connection.
const patience = 10 * time.Second

// InTx runs do in one transaction, which is undone when do fails or panics. A row
// that do asks for by its key stays as it is until the transaction ends. Where
// several processes write at once, another may get in between: then all is undone
// and do runs again, so that what do does beside the transaction must bear that.
// A database that cannot be reached, or whose disk is full, is fault.Unavailable.
func (s *Store) InTx(ctx context.Context, do func(*Tx) error) error {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		ended, err := s.inTx(ctx, do)
		if err == nil {
			return nil
		}
		if ended || !s.dialect.again(err, attempt) || time.Since(begun) > patience {
			return s.dialect.explain(err)
		}
		wait := time.Millisecond << min(attempt, 8)
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return s.dialect.explain(err)
		}
	}
}

// Busy says that a transaction did not get its turn in time: another one of this
// process writes.
type Busy struct {
	For time.Duration // how long that one has been at it
	err error
}

func (b *Busy) Error() string {
	return fmt.Sprintf("wait for the store, where another transaction began %s ago: %v", b.For.Round(time.Millisecond), b.err)
}

// Unwrap is why it was not waited any longer.
func (b *Busy) Unwrap() error { return b.err }

// inTx runs do once. ended tells that the transaction may have been carried out
// although there is an error: nobody knows.
func (s *Store) inTx(ctx context.Context, do func(*Tx) error) (ended bool, err error) {
	asked := time.Now()
	if s.dialect.writers != nil {
		select {
		case s.dialect.writers <- struct{}{}:
			s.turn.Store(time.Now().UnixNano())
			defer func() { <-s.dialect.writers }()
			s.observe(OpWait, asked, nil)
		case <-ctx.Done():
			return false, &Busy{For: time.Since(time.Unix(0, s.turn.Load())), err: ctx.Err()}
		}
	}
	begun := time.Now()
	tx, err := s.writing.BeginTx(ctx, nil)
	if err != nil {
		s.observe(OpTransaction, begun, err)
		return false, fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	t := &Tx{q: watched{tx, s}, dialect: &s.dialect, inside: true, changed: map[int64]bool{}}
	if err := do(t); err != nil {
		return false, err
	}
	if s.render != nil {
		if err := t.renderChanged(ctx, s.render); err != nil {
			return false, err
		}
	}
	err = tx.Commit()
	s.observe(OpTransaction, begun, err)
	if err != nil {
		return !s.dialect.undone(err), fmt.Errorf("commit transaction: %w", err)
	}
	return false, nil
}

// exec runs a statement and tells how many rows it touched.
func (t *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.q.ExecContext(ctx, query, t.dialect.args(args)...)
	if err != nil {
		return 0, t.dialect.explain(err)
	}
	return r.RowsAffected()
}

// one scans the single row of a query; ErrNone where there is none.
func (t *Tx) one(ctx context.Context, query string, args, into []any) error {
	return t.row(ctx, query, args...).Scan(into...)
}

// row is the single row of a query.
func (t *Tx) row(ctx context.Context, query string, args ...any) scanner {
	return row{t.q.QueryRowContext(ctx, query, t.dialect.args(args)...), t.dialect}
}

type scanner interface{ Scan(...any) error }

type row struct {
	row     *sql.Row
	dialect *dialect
}

// Scan is ErrNone where there is no row.
func (r row) Scan(into ...any) error {
	err := r.row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNone
	}
	return r.dialect.explain(err)
}

// each calls scan for every row of a query.
func (t *Tx) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.q.QueryContext(ctx, query, t.dialect.args(args)...)
	if err != nil {
		return t.dialect.explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return t.dialect.explain(rows.Err())
}

// prepared is a statement that is carried out many times.
type prepared struct {
	*sql.Stmt
	dialect *dialect
}

func (t *Tx) prepare(ctx context.Context, query string) (prepared, error) {
	stmt, err := t.q.PrepareContext(ctx, query)
	return prepared{stmt, t.dialect}, t.dialect.explain(err)
}

func (p prepared) exec(ctx context.Context, args ...any) error {
	_, err := p.ExecContext(ctx, p.dialect.args(args)...)
	return p.dialect.explain(err)
}

func (p prepared) row(ctx context.Context, args ...any) scanner {
	return row{p.QueryRowContext(ctx, p.dialect.args(args)...), p.dialect}
}

// kept ends a query for a row by its key: inside a transaction, nobody else
// changes or deletes that row before the transaction ends.
func (t *Tx) kept(query string) string {
	if t.inside {
		query += t.dialect.rowLock
	}
	return query
}

// alone keeps other transactions that do what is named waiting until this one
// ends: for what rests on how many rows there are, or on there being none.
func (t *Tx) alone(ctx context.Context, what, whose string) error {
	if !t.inside || t.dialect.alone == nil {
		return nil
	}
	return t.dialect.alone(ctx, t, what+" of "+whose)
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
