package importserver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

// Abandon leaves a server as a crash does: what runs goes on without effect, and
// only what the system itself takes back from a dead process is given back.
func (s *Server) Abandon() {
	s.store.Close()
	s.lock.Close()
}

// ForgetReadiness has the next who asks look anew.
func ForgetReadiness(s *Server) {
	s.ready.lock.Lock()
	defer s.ready.lock.Unlock()
	s.ready.at = time.Time{}
}

// HoldStore begins a transaction, which writes until release is called.
func HoldStore(s *Server) (release func()) {
	begun, done, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.store.InTx(s.life, func(*store.Tx) error { close(begun); <-done; return nil })
	}()
	<-begun
	return func() { close(done); <-ended }
}

// BearWriters has the server take a store that has one transaction for so long for ill.
func BearWriters(s *Server, limit time.Duration) { s.ready.write.Store(int64(limit)) }

// Statements counts the statements that do makes in a server's rows.
func Statements(s *Server, do func()) (n int) {
	var count atomic.Int64
	s.store.Watch(func(string) { count.Add(1) })
	defer s.store.Watch(nil)
	do()
	return int(count.Load())
}

// Meanwhile has do run once, when a server has read so many times from now on outside
// of transactions: what is there is not any more what whoever read has seen. The server
// must not run.
func Meanwhile(t *testing.T, s *Server, reads int, do func(context.Context, *store.Tx) error) {
	s.store.Observe(func(operation string, _ time.Duration, _ bool) {
		if operation != store.OpRead {
			return
		}
		if reads--; reads == 0 {
			if err := s.store.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
				t.Error(err)
			}
		}
	})
}

// Blobs counts the operations of a server's blobs, from now on.
func Blobs(s *Server) *atomic.Int64 {
	var count atomic.Int64
	s.blobs.Observe(func(string, time.Duration, bool) { count.Add(1) })
	return &count
}

// InRows runs do in one transaction on a server's rows.
func InRows(t *testing.T, s *Server, do func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.store.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}
