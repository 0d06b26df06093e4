package store_test

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/migrations"
)

// rewritten are the columns, "table.column", and the tables, of which migrations
// change or remove what was there, and why that loses nothing.
var rewritten = map[string]string{
	"image_records":       "is written anew at the next start",
	"vulnerability_names": "is by account since",
}

// shape is what tables there are at a version.
type shape struct {
	tables  []string            // each after those that it refers to
	columns map[string][]column // by table
}

type column struct{ name, kind string }

// shapeAt reads the shape from a database in memory.
func shapeAt(t *testing.T, version int64) shape {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	s := shape{columns: map[string][]column{}}
	for _, row := range rowsOf(t, db, `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'goose%' ORDER BY m.name, c.cid`) {
		s.columns[row[0]] = append(s.columns[row[0]], column{row[1], row[2]})
	}
	refers := map[string][]string{}
	for _, row := range rowsOf(t, db, `SELECT m.name, f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`) {
		refers[row[0]] = append(refers[row[0]], row[1])
	}
	for len(s.tables) < len(s.columns) {
		for _, table := range slices.Sorted(maps.Keys(s.columns)) {
			waits := slices.ContainsFunc(refers[table], func(r string) bool { return !slices.Contains(s.tables, r) })
			if !waits && !slices.Contains(s.tables, table) {
				s.tables = append(s.tables, table)
			}
		}
	}
	return s
}

// rowsOf are a query's rows as text.
func rowsOf(t *testing.T, db *sql.DB, query string) [][]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		row, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		text := make([]string, len(row))
		for i, v := range row {
			text[i] = v.String
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// fill writes three rows into every table. All of a row's values are its number, so
// that rows refer to each other.
func (s shape) fill(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, table := range s.tables {
		var names, marks []string
		for i, c := range s.columns[table] {
			names, marks = append(names, c.name), append(marks, fmt.Sprintf("$%d", i+1))
		}
		for n := int64(1); n <= 3; n++ {
			var values []any
			for _, c := range s.columns[table] {
				if c.kind == "TEXT" {
					values = append(values, fmt.Sprint(n))
				} else {
					values = append(values, n)
				}
			}
			_, err := db.ExecContext(t.Context(), `INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, values...)
			if err != nil {
				t.Fatalf("fill %s: %v", table, err)
			}
		}
	}
}

// rows are all rows of the tables and columns that both shapes have, but for what is
// rewritten.
func (s shape) rows(t *testing.T, db *sql.DB, both shape) map[string][][]string {
	t.Helper()
	all := map[string][][]string{}
	for _, table := range s.tables {
		if rewritten[table] != "" || both.columns[table] == nil {
			continue
		}
		var names []string
		for _, c := range s.columns[table] {
			if rewritten[table+"."+c.name] == "" && slices.ContainsFunc(both.columns[table], func(d column) bool { return d.name == c.name }) {
				names = append(names, c.name)
			}
		}
		list := strings.Join(names, ", ")
		query := `SELECT ` + list + ` FROM ` + table
		if table == "ids" { // migrations write some, too
			query += ` WHERE name IN ('1', '2', '3')`
		}
		all[table] = rowsOf(t, db, query+` ORDER BY `+list)
	}
	return all
}

// lost are tables and columns that a later shape lacks.
func (s shape) lost(later shape) (all []string) {
	for table, columns := range s.columns {
		for _, c := range columns {
			name := table + "." + c.name
			if rewritten[table] == "" && rewritten[name] == "" && !slices.Contains(later.columns[table], c) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestMigrationsFromEveryVersion(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "x.db") },
		"PostgreSQL": func(t *testing.T) string { return schema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range versions(t, url(t)) {
				t.Run(fmt.Sprint(version), func(t *testing.T) {
					location := url(t)
					err := store.Migrating(t.Context(), location, func(db *sql.DB, p *goose.Provider) error { return upAndDown(t, db, p, version) })
					if err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

func versions(t *testing.T, url string) (all []int64) {
	t.Helper()
	err := store.Migrating(t.Context(), url, func(_ *sql.DB, p *goose.Provider) error {
		for _, s := range p.ListSources() {
			all = append(all, s.Version)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// upAndDown fills the tables of a version, brings them up to date and back again,
// and removes them.
func upAndDown(t *testing.T, db *sql.DB, p *goose.Provider, version int64) error {
	ctx := t.Context()
	all := p.ListSources()
	then, now := shapeAt(t, version), shapeAt(t, all[len(all)-1].Version)
	if diff := cmp.Diff([]string(nil), then.lost(now)); diff != "" {
		t.Errorf("what is gone from the tables: %s", diff)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return err
	}
	then.fill(t, db)
	before := then.rows(t, db, now)
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	if diff := cmp.Diff(before, then.rows(t, db, now)); diff != "" {
		t.Errorf("rows after the way up: %s", diff)
	}
	if _, err := p.DownTo(ctx, version); err != nil {
		return err
	}
	if diff := cmp.Diff(before, then.rows(t, db, now)); diff != "" {
		t.Errorf("rows after the way down: %s", diff)
	}
	if _, err := p.DownTo(ctx, 0); err != nil {
		return err
	}
	_, err := p.Up(ctx) // nothing is in the way of it
	return err
}

func TestTablesOfALaterReleaseAreRefused(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "x.db") },
		"PostgreSQL": func(t *testing.T) string { return schema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			location := url(t)
			openURL(t, location).Close()
			err := store.Migrating(t.Context(), location, func(db *sql.DB, _ *goose.Provider) error {
				_, err := db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (100000, true)`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), location)
			if err == nil {
				s.Close()
			}
			if fault.Of(err) != fault.Unsupported || !strings.Contains(fault.Hint(err), "later release") {
				t.Errorf("%v, hint %q", err, fault.Hint(err))
			}
		})
	}
}
