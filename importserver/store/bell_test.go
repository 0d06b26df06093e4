package store_test

import (
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// soon fails the test if nothing is received within a time that only a broken
// connection takes.
func soon(t *testing.T, from <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(2 * time.Minute):
		t.Fatalf("nobody heard of %s", what)
	}
}

func TestAnnouncementReachesOwnWorkers(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *store.Store{
		"SQLite":     func(t *testing.T) *store.Store { return open(t, t.TempDir()+"/x.db") },
		"PostgreSQL": func(t *testing.T) *store.Store { return openURL(t, schema(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			heard := s.Announced()
			s.Announce()
			s.Announce() // never waits
			soon(t, heard, "new work")
		})
	}
}

func TestAnnouncementReachesOtherProcesses(t *testing.T) {
	url := schema(t)
	one, other := openURL(t, url), openURL(t, url)
	heard := other.Announced()
	soon(t, heard, "the beginning, before which anything may have been missed")
	one.Announce()
	soon(t, heard, "what another process announced")
}

func TestAnnouncementsAreHeardAfterTheConnectionWasCut(t *testing.T) {
	url := schema(t)
	one, other := openURL(t, url), openURL(t, url)
	heard := other.Announced()
	soon(t, heard, "the beginning")
	db, err := sql.Open("pgx", os.Getenv(storetest.PostgresVariable))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var cut int
	err = db.QueryRowContext(t.Context(), `SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a WHERE a.query LIKE 'LISTEN%'
		AND a.query = (SELECT 'LISTEN "tidepole_' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16) || '"')`, schemaOf(t, url)).Scan(&cut)
	if err != nil || cut != 1 {
		t.Fatalf("%d connections cut, %v", cut, err)
	}
	soon(t, heard, "the new connection")
	one.Announce()
	soon(t, heard, "what was announced after the cut")
}
