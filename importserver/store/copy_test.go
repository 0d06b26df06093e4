package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
)

func tables(t *testing.T) []store.Table {
	t.Helper()
	all, err := store.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fill writes n rows into every table of a SQLite file. Row i has i for each number
// and the same text for each text, so that what refers to row i does so.
func fill(t *testing.T, path string, n int, text func(i int) string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`BEGIN`); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, table := range tables(t) {
		for _, column := range table.Columns {
			var kind string
			if err := db.QueryRow(`SELECT type FROM pragma_table_info($1) WHERE name = $2`, table.Name, column).Scan(&kind); err != nil {
				t.Fatal(err)
			}
			kinds[column] = kind
		}
		for i := 1; i <= n; i++ {
			var values []any
			var marks []string
			for _, column := range table.Columns {
				var v any = int64(i)
				if kinds[column] == "TEXT" {
					v = text(i)
				}
				values, marks = append(values, v), append(marks, "?")
			}
			if _, err := db.Exec(`INSERT INTO `+table.Name+` VALUES (`+strings.Join(marks, ",")+`)`, values...); err != nil {
				t.Fatalf("%s: %v", table.Name, err)
			}
		}
	}
	if _, err := db.Exec(`COMMIT`); err != nil {
		t.Fatal(err)
	}
}

func words(i int) string { return fmt.Sprintf("text %d, ä, \"quoted\", \\ and a\nline", i) }

// filled is a store on SQLite with rows in every table.
func filled(t *testing.T, rows int, text func(int) string) *store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	fill(t, path, rows, text)
	return s
}

// places are empty stores of each kind.
func places(t *testing.T, test func(*testing.T, *store.Store)) {
	t.Run("SQLite", func(t *testing.T) { test(t, open(t, filepath.Join(t.TempDir(), "db"))) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, openURL(t, schema(t))) })
}

func sums(all []store.Copied) map[string]store.Sum {
	m := map[string]store.Sum{}
	for _, c := range all {
		m[c.Table] = c.Sum
	}
	return m
}

func TestCopyOfAllRows(t *testing.T) {
	places(t, func(t *testing.T, to *store.Store) {
		const rows = 300 // more than one statement takes
		from := filled(t, rows, words)
		if fresh, err := to.Fresh(t.Context()); !fresh || err != nil {
			t.Fatalf("an empty store is fresh: %v, %v", fresh, err)
		}
		first, err := from.Copy(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if fresh, err := to.Fresh(t.Context()); fresh || err != nil {
			t.Errorf("a store with rows is fresh: %v, %v", fresh, err)
		}
		for _, table := range tables(t) {
			if got := sums(first)[table.Name]; got.Rows != rows+table.Rows.Rows {
				t.Errorf("%s: %d rows, want %d", table.Name, got.Rows, rows+table.Rows.Rows)
			}
		}
		path := filepath.Join(t.TempDir(), "back")
		if err := to.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		again, err := open(t, path).Copy(t.Context(), open(t, filepath.Join(t.TempDir(), "again")))
		if diff := cmp.Diff(sums(first), sums(again)); diff != "" || err != nil {
			t.Errorf("copied from there: %v %s", err, diff)
		}
		if _, err := from.Copy(t.Context(), to); fault.Of(err) != fault.Conflict {
			t.Errorf("copied into a store with rows: %v", err)
		}
	})
}

// What is written after a copy has numbers that no row has.
func TestCopyGoesOnCounting(t *testing.T) {
	places(t, func(t *testing.T, to *store.Store) {
		from := open(t, filepath.Join(t.TempDir(), "from"))
		insert := func(s *store.Store, digest string) (i store.Image) {
			i = store.Image{Account: "a", Digest: digest}
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) }); err != nil {
				t.Fatal(err)
			}
			return i
		}
		for n := range 5 {
			insert(from, fmt.Sprint(n))
		}
		if _, err := from.Copy(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		six := insert(to, "six")
		path := filepath.Join(t.TempDir(), "back")
		if err := to.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if seven := insert(open(t, path), "seven"); six.ID < 6 || seven.ID <= six.ID {
			t.Errorf("the images after five are %d and %d", six.ID, seven.ID)
		}
	})
}

// What the database cannot take is told.
func TestCopyOfStrangeCharacters(t *testing.T) {
	odd := func(i int) string { return fmt.Sprintf("zero \x00 and no UTF-8 \xff %d", i) }
	places(t, func(t *testing.T, to *store.Store) {
		all, err := filled(t, 2, odd).Copy(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if to.Shared() != (c.Altered > 0) || c.Altered > 2 {
				t.Errorf("%s: %d rows were altered", c.Table, c.Altered)
			}
		}
	})
}

// A copy leaves nothing or all, wherever it ends: each has twice the time of the
// one before, until one has enough.
func TestCopyIsAllOrNothing(t *testing.T) {
	places(t, func(t *testing.T, to *store.Store) {
		from := filled(t, 500, words)
		for limit := time.Millisecond; ; limit *= 2 {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, failed := from.Copy(ctx, to)
			cancel()
			if failed != nil && !errors.Is(failed, context.DeadlineExceeded) {
				t.Fatalf("a copy within %v: %v", limit, failed)
			}
			fresh, err := to.Fresh(t.Context())
			if err != nil || failed == nil && fresh {
				t.Fatalf("it is fresh after %v: %v, %v", limit, fresh, err)
			}
			if fresh {
				continue
			}
			if limit == time.Millisecond {
				t.Error("no copy ended in the middle")
			}
			break // the end came after all was there
		}
		there, err := to.Copy(t.Context(), open(t, filepath.Join(t.TempDir(), "there")))
		if err != nil {
			t.Fatal(err)
		}
		all, err := from.Copy(t.Context(), open(t, filepath.Join(t.TempDir(), "all")))
		if diff := cmp.Diff(sums(all), sums(there)); diff != "" || err != nil {
			t.Errorf("what is there: %v %s", err, diff)
		}
	})
}

func TestBackupReplacesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := filled(t, 1, words).Backup(t.Context(), path); err == nil {
		t.Error("a file was replaced")
	}
}

func TestAttachLeavesTablesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	again, err := store.Attach(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`DELETE FROM goose_db_version WHERE version_id = $1`, v); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Attach(t.Context(), "sqlite:"+path); fault.Of(err) != fault.Unsupported || fault.Hint(err) == "" {
		t.Errorf("attached to older tables: %v", err)
	}
}

// There is no table that is not copied, and no reference to blobs that is not
// known to their collection.
func TestTablesAreAllThereAre(t *testing.T) {
	var names, referring, known []string
	for _, table := range tables(t) {
		names = append(names, table.Name)
		if slices.Contains(table.Refers, "blobs") {
			referring = append(referring, table.Name)
		}
	}
	for _, r := range store.BlobReferences {
		known = append(known, r.Table)
	}
	slices.Sort(referring)
	slices.Sort(known)
	if diff := cmp.Diff(referring, known); diff != "" {
		t.Errorf("store.BlobReferences: %s", diff)
	}
	if len(names) < 25 {
		t.Errorf("only %d tables: %q", len(names), names)
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		url := schema(t)
		openURL(t, url)
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var there []string
		rows, err := db.Query(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			there = append(there, name)
		}
		slices.Sort(there)
		slices.Sort(names)
		if diff := cmp.Diff(names, there); diff != "" {
			t.Error(diff)
		}
	})
}
