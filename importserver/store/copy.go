package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// Copied is what was copied of a table.
type Copied struct {
	Table string `json:"table"`
	Sum
	Altered int64 `json:"altered,omitempty"` // rows of which the database could not take every character
}

// Attach connects to a database whose tables are there and up to date, and leaves
// them as they are: a server may be using them.
func Attach(ctx context.Context, url string) (*Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s.announced = make(chan struct{}, 1)
	if err := s.current(ctx); err != nil {
		return nil, errors.Join(s.dialect.explain(err), s.Close())
	}
	return s, nil
}

func (s *Store) current(ctx context.Context) error {
	p, err := s.dialect.migrations(s.db, migrations.FS)
	if err != nil {
		return err
	}
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the store's tables: %w", err)
	}
	all := p.ListSources()
	if newest := all[len(all)-1].Version; has != newest {
		return fault.New(fault.Unsupported, "the store's tables have version %d, and this program's are of version %d", has, newest).
			WithHint("use the same release as the server")
	}
	return nil
}

// Fresh tells whether nothing was ever written to the store.
func (s *Store) Fresh(ctx context.Context) (bool, error) {
	tables, err := Tables(ctx)
	if err != nil {
		return false, err
	}
	return s.View().fresh(ctx, tables)
}

func (t *Tx) fresh(ctx context.Context, tables []Table) (bool, error) {
	for _, table := range tables {
		has, err := t.sum(ctx, table)
		if err != nil {
			return false, err
		}
		if has != table.Rows {
			return false, nil
		}
	}
	return true, nil
}

// Copy copies the rows of all tables into a store that nobody wrote to, in one
// transaction: either all are there afterwards or none. What was written is read
// again before, and must add up to the same. A store that was written to is
// fault.Conflict.
func (s *Store) Copy(ctx context.Context, to *Store) ([]Copied, error) {
	all, err := s.copyTo(ctx, to)
	if err != nil && ctx.Err() != nil { // a database calls it its own interruption
		err = fmt.Errorf("copy the rows: %w", context.Cause(ctx))
	}
	return all, err
}

func (s *Store) copyTo(ctx context.Context, to *Store) (all []Copied, err error) {
	tables, err := Tables(ctx)
	if err != nil {
		return nil, err
	}
	err = s.snapshot(ctx, func(from *Tx) error {
		return to.InTx(ctx, func(tx *Tx) error {
			if all, err = copyRows(ctx, tables, from, tx); err != nil || to.dialect.migrated == nil {
				return err
			}
			return to.dialect.migrated(ctx, tx.q)
		})
	})
	return all, err
}

// snapshot has all rows as they are at one moment.
func (s *Store) snapshot(ctx context.Context, do func(*Tx) error) error {
	tx, err := s.db.BeginTx(ctx, s.dialect.reading)
	if err != nil {
		return s.dialect.explain(fmt.Errorf("begin transaction: %w", err))
	}
	defer tx.Rollback()
	t := &Tx{q: tx, dialect: &s.dialect, inside: true}
	if err := t.unhurried(ctx); err != nil {
		return err
	}
	return s.dialect.explain(do(t))
}

// unhurried takes the limits of time from the transaction that are for what clients
// wait for.
func (t *Tx) unhurried(ctx context.Context) error {
	for _, statement := range t.dialect.unhurried {
		if _, err := t.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func copyRows(ctx context.Context, tables []Table, from, to *Tx) ([]Copied, error) {
	if err := to.unhurried(ctx); err != nil {
		return nil, err
	}
	fresh, err := to.fresh(ctx, tables)
	if err == nil && !fresh {
		err = fault.New(fault.Conflict, "copy the rows: there are some already").WithHint("name a store that nothing was written to")
	}
	for _, table := range slices.Backward(tables) { // what the migrations wrote
		if err == nil {
			_, err = to.exec(ctx, `DELETE FROM `+table.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	var all []Copied
	for _, table := range tables {
		c, err := copyTable(ctx, table, from, to)
		if err != nil {
			return nil, fmt.Errorf("copy the table %s: %w", table.Name, err)
		}
		has, err := to.sum(ctx, table)
		if err != nil {
			return nil, err
		}
		if has != c.Sum {
			return nil, fmt.Errorf("copy the table %s: %d rows (%s) became %d (%s)", table.Name, c.Rows, c.Digest, has.Rows, has.Digest)
		}
		all = append(all, c)
	}
	return all, nil
}

// copyTable gives the sum of what was written, as the database takes it.
func copyTable(ctx context.Context, table Table, from, to *Tx) (Copied, error) {
	c := Copied{Table: table.Name}
	var sum summer
	var args []any
	width := len(table.Columns)
	full := max(to.dialect.parameters/width, 1) * width
	fill, err := to.prepare(ctx, insertion(table, full/width))
	if err != nil {
		return c, err
	}
	defer fill.Close()
	counted, err := from.counted(ctx, table)
	if err != nil {
		return c, err
	}
	err = from.rows(ctx, table, func(values []any) error {
		counted(values)
		row := slices.Clone(values)
		if row = to.dialect.args(row); !slices.Equal(row, values) {
			c.Altered++
		}
		if err := sum.add(row); err != nil {
			return err
		}
		if args = append(args, row...); len(args) < full {
			return nil
		}
		err := fill.exec(ctx, args...)
		args = args[:0]
		return err
	})
	if err == nil && len(args) > 0 {
		_, err = to.exec(ctx, insertion(table, len(args)/width), args...)
	}
	c.Sum = sum.total()
	return c, err
}

// insertion is a statement that writes rows into a table.
func insertion(table Table, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `INSERT INTO %s (%s) VALUES `, table.Name, strings.Join(table.Columns, ", "))
	n := 0
	for row := range rows {
		for column := range table.Columns {
			switch {
			case column > 0:
				b.WriteString(", ")
			case row > 0:
				b.WriteString("), (")
			default:
				b.WriteString("(")
			}
			n++
			fmt.Fprintf(&b, "$%d", n)
		}
	}
	b.WriteString(")")
	return b.String()
}

// counted puts, into rows of the table ids, how many numbers were really taken where
// the database counts that elsewhere.
func (t *Tx) counted(ctx context.Context, table Table) (func(values []any), error) {
	if table.Name != "ids" || t.dialect.counted == nil {
		return func([]any) {}, nil
	}
	taken := map[string]int64{}
	err := t.each(ctx, `SELECT name FROM ids`, nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		taken[name] = 0
		return err
	})
	for name := range taken {
		if err == nil {
			taken[name], err = t.dialect.counted(ctx, t, name)
		}
	}
	name, number := slices.Index(table.Columns, "name"), slices.Index(table.Columns, "taken")
	return func(values []any) { values[number] = max(values[number].(int64), taken[values[name].(string)]) }, err
}

// Backup writes all rows, as they are at one moment, to a SQLite file at path, where
// there is none. A server may go on writing.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.dialect.backup != nil {
		return s.dialect.explain(s.dialect.backup(ctx, s.db, path))
	}
	to, err := Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	_, err = s.Copy(ctx, to)
	return errors.Join(err, to.Close())
}
