package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// migrate brings the tables up to date. Of several processes that begin at once,
// one does and the others wait for it.
func (s *Store) migrate(ctx context.Context) (err error) {
	db, done, err := s.dialect.migrating(ctx, s.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	p, err := s.dialect.migrations(db, migrations.FS)
	if err != nil {
		return err
	}
	if err := notNewer(ctx, p); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil || s.dialect.migrated == nil {
		return err
	}
	return s.dialect.migrated(ctx, db)
}

// notNewer refuses tables of a later release, which this one would misread.
func notNewer(ctx context.Context, p *goose.Provider) error {
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	all := p.ListSources()
	if newest := all[len(all)-1].Version; has > newest {
		return fault.New(fault.Unsupported, "its tables have version %d, and this program knows them up to %d", has, newest).
			WithHint("a later release of tidepole was here: use that one, or put back a backup from before")
	}
	return nil
}

func (d *dialect) migrations(db *sql.DB, from fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(d.goose, db, d.text(from), goose.WithDisableGlobalRegistry(true))
}

// Version is the number of the newest migration that the database has.
func (s *Store) Version(ctx context.Context) (int64, error) {
	p, err := s.dialect.migrations(s.db, migrations.FS)
	if err != nil {
		return 0, err
	}
	n, err := p.GetDBVersion(ctx)
	return n, s.dialect.explain(err)
}
