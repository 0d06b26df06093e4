package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// What an Observer is told of.
const (
	OpWait        = "wait"        // for the turn to write
	OpTransaction = "transaction" // from its begin to the end of its commit; what was undone is not told of
	OpRead        = "read"        // a statement outside a transaction, until its first row is there
)

// Observer is told what an operation took, and whether the database failed at it:
// that there is no such row, or that who asked went away, is no failure.
type Observer func(operation string, took time.Duration, failed bool)

// Observe has o told of every operation from now on. Call it before the store is used.
func (s *Store) Observe(o Observer) { s.observer = o }

// observe tells of an operation that has ended.
func (s *Store) observe(operation string, begun time.Time, err error) {
	if s.observer != nil {
		s.observer(operation, time.Since(begun), failed(err))
	}
}

func failed(err error) bool {
	return err != nil && !errors.Is(err, sql.ErrNoRows) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Watch has w told of every statement from now on, before it is carried out, within
// transactions and without; nil is nobody. A statement that is carried out many times
// is told of once. It is for those who count.
func (s *Store) Watch(w func(query string)) { s.watcher.Store(&w) }

func (s *Store) told(query string) {
	if w := s.watcher.Load(); w != nil && *w != nil {
		(*w)(query)
	}
}

// watched is the database, or a transaction, of whose statements the store is told.
type watched struct {
	querier
	store *Store
}

func (w watched) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	w.store.told(query)
	return w.querier.ExecContext(ctx, query, args...)
}

func (w watched) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	w.store.told(query)
	return w.querier.QueryContext(ctx, query, args...)
}

func (w watched) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	w.store.told(query)
	return w.querier.QueryRowContext(ctx, query, args...)
}

func (w watched) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	w.store.told(query)
	return w.querier.PrepareContext(ctx, query)
}

// reads is the database as View reads it, observed.
type reads struct {
	querier
	store *Store
}

func (r reads) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	begun := time.Now()
	result, err := r.querier.ExecContext(ctx, query, args...)
	r.store.observe(OpRead, begun, err)
	return result, err
}

func (r reads) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	begun := time.Now()
	rows, err := r.querier.QueryContext(ctx, query, args...)
	r.store.observe(OpRead, begun, err)
	return rows, err
}

func (r reads) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	begun := time.Now()
	row := r.querier.QueryRowContext(ctx, query, args...)
	r.store.observe(OpRead, begun, row.Err())
	return row
}
