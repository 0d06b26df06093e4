package queue_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tidepole/tidepole/importserver/queue/queuetest"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

func opened(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestQueueOnSQLite(t *testing.T) {
	queuetest.Run(t, func(t *testing.T) (one, other *store.Store) {
		s := opened(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
		return s, s
	})
}

func TestQueueOnPostgres(t *testing.T) {
	server := os.Getenv(storetest.PostgresVariable)
	storetest.Schema(t, server) // skips all at once
	queuetest.Run(t, func(t *testing.T) (one, other *store.Store) {
		url := storetest.Schema(t, server)
		return opened(t, url), opened(t, url)
	})
}
