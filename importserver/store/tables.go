package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// Table is a table of rows.
type Table struct {
	Name    string
	Columns []string
	Refers  []string // to tables, by foreign keys
	Rows    Sum      // that it has in a store that nobody wrote to
}

// Tables are all tables with rows, each after those that it refers to. They are
// read from a database that the migrations were tried on: there is no list of
// them that a new table could lack on.
func Tables(ctx context.Context) (tables []Table, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("try the migrations: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each would be a database of its own
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("try the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return nil, fmt.Errorf("try the migrations: %w", err)
	}
	t := &Tx{q: db, dialect: sqliteDialect()}
	err = t.each(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> $1 ORDER BY name`,
		[]any{goose.DefaultTablename}, func(rows *sql.Rows) error {
			var one Table
			err := rows.Scan(&one.Name)
			tables = append(tables, one)
			return err
		})
	for i := range tables {
		if err == nil {
			err = t.describe(ctx, &tables[i])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	return inOrder(tables)
}

func (t *Tx) describe(ctx context.Context, table *Table) error {
	for query, into := range map[string]*[]string{
		`SELECT name FROM pragma_table_info($1) ORDER BY cid`:                       &table.Columns,
		`SELECT DISTINCT "table" FROM pragma_foreign_key_list($1) ORDER BY "table"`: &table.Refers,
	} {
		err := t.each(ctx, query, []any{table.Name}, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			*into = append(*into, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	var err error
	table.Rows, err = t.sum(ctx, *table)
	return err
}

// inOrder puts tables after those that they refer to.
func inOrder(tables []Table) ([]Table, error) {
	var ordered []Table
	done := map[string]bool{}
	for len(ordered) < len(tables) {
		before := len(ordered)
		for _, one := range tables {
			waits := slices.ContainsFunc(one.Refers, func(other string) bool { return !done[other] })
			if !done[one.Name] && !waits {
				ordered, done[one.Name] = append(ordered, one), true
			}
		}
		if len(ordered) == before {
			return nil, errors.New("order the tables: some refer to each other")
		}
	}
	return ordered, nil
}
