package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
)

// PostgresVariable names the environment's variable with the URL of a PostgreSQL
// database in which tests may make schemas. integration/testbed sets it.
const PostgresVariable = "TIDEPOLE_TEST_POSTGRES"

// Schema makes an empty schema in the database that server names, and gives the
// URL of a store in it. It is dropped when the test ends. Without a server the
// test is skipped.
func Schema(t testing.TB, server string) string {
	t.Helper()
	if server == "" {
		t.Skipf("SKIPPED: no PostgreSQL: %s is not set (make test starts one)", PostgresVariable)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is no URL", PostgresVariable)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	name := "t" + strings.ToLower(rand.Text())
	if _, err := db.ExecContext(t.Context(), `CREATE SCHEMA `+name); err != nil {
		t.Fatalf("make a schema for the test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := db.ExecContext(ctx, `DROP SCHEMA `+name+` CASCADE`); err != nil {
			t.Errorf("drop the test's schema: %v", err)
		}
		db.Close()
	})
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}
