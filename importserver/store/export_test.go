package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// Migrating hands the database that a URL names to a test as it is, with what
// changes its tables.
func Migrating(ctx context.Context, url string, do func(*sql.DB, *goose.Provider) error) error {
	s, err := connect(ctx, url)
	if err != nil {
		return err
	}
	db, done, err := s.dialect.migrating(ctx, s.db)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	p, err := s.dialect.migrations(db, migrations.FS)
	if err == nil {
		err = do(db, p)
	}
	return errors.Join(err, done(), s.Close())
}

// Holding lowers the bounds of answers about packages until restore is called.
func Holding(most, atOnce int) (restore func()) {
	most, mostHeld = mostHeld, most
	atOnce, linksAtOnce = linksAtOnce, atOnce
	return func() { mostHeld, linksAtOnce = most, atOnce }
}

// Run carries out a statement.
func (t *Tx) Run(ctx context.Context, statement string) error {
	_, err := t.exec(ctx, statement)
	return err
}

// Reading has somebody read until end is called.
func (s *Store) Reading(ctx context.Context) (end func() error, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT 1`)
	return rows.Close, err
}
