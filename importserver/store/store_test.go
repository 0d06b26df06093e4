package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

func open(t *testing.T, name string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store {
		return open(t, filepath.Join(t.TempDir(), "a name with % ? and # .db"))
	})
}

func TestOpenAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.db")
	open(t, name).Close()
	v, err := open(t, name).Version(t.Context())
	if err != nil || v < 1 {
		t.Errorf("version %d, %v", v, err)
	}
}

// A commit empties the caches of all connections but its own: with the pages that
// most transactions write, the next one finds them where it has the same connection.
func TestTransactionsShareAConnection(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	run := func(statement string) {
		t.Helper()
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.Run(t.Context(), statement) }); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run(`CREATE TEMP TABLE of_this_connection (n INTEGER)`)
	end, err := s.Reading(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	run(`INSERT INTO of_this_connection VALUES (1)`)
}

func TestOpenRefuses(t *testing.T) {
	for url, says := range map[string]string{
		"oracle:x":                  "none of postgres, postgresql, sqlite",
		"sqlite:/no/such/folder/db": "/no/such/folder/db",
	} {
		if s, err := store.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("open %s: %v, %v", url, s, err)
		}
	}
}

func TestFileThatIsNoDatabase(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tidepole.db")
	if err := os.WriteFile(name, bytes.Repeat([]byte("no database"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), "sqlite:"+name)
	if err == nil {
		s.Close()
	}
	if fault.Of(err) != fault.Unsupported || fault.Hint(err) == "" || !strings.Contains(err.Error(), name) {
		t.Errorf("%v (%s), hint %q", err, fault.Of(err), fault.Hint(err))
	}
}
