package store_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// schema is the URL of an empty store on PostgreSQL.
func schema(t testing.TB) string {
	t.Helper()
	return storetest.Schema(t, os.Getenv(storetest.PostgresVariable))
}

func openURL(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPostgres(t *testing.T) {
	schema(t) // skips all at once
	storetest.Run(t, func(t *testing.T) *store.Store { return openURL(t, schema(t)) })
}

func schemaOf(t *testing.T, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("search_path")
}
