package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// server is the URL of the tests' PostgreSQL, changed.
func server(t *testing.T, change func(*url.URL)) string {
	t.Helper()
	schema(t) // skips where there is none
	u, err := url.Parse(os.Getenv(storetest.PostgresVariable))
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func TestOpenPostgresRefuses(t *testing.T) {
	const secret = "the-secret-word"
	for name, c := range map[string]struct {
		change func(*url.URL)
		kind   fault.Kind
		says   string
	}{
		"nobody listens":              {func(u *url.URL) { u.Host, u.RawQuery, u.User = "127.0.0.1:1", "", url.UserPassword("me", secret) }, fault.Unavailable, "127.0.0.1:1"},
		"no such host":                {func(u *url.URL) { u.Host = "nowhere.invalid"; u.User = url.UserPassword("me", secret) }, fault.Unavailable, "nowhere.invalid"},
		"no such database":            {func(u *url.URL) { u.Path = "/none_of_that_name" }, fault.NotFound, `"none_of_that_name" does not exist`},
		"no such schema":              {func(u *url.URL) { u.RawQuery += "&search_path=none_of_that_name" }, fault.Unsupported, "search path"},
		"not a number of connections": {func(u *url.URL) { u.RawQuery += "&pool_max_conns=many"; u.User = url.UserPassword("me", secret) }, fault.Invalid, "pool_max_conns"},
		"not a port":                  {func(u *url.URL) { u.RawQuery += "&port=x"; u.User = url.UserPassword("me", secret) }, fault.Invalid, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), server(t, c.change))
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.says) || fault.Hint(err) == "" && c.kind != fault.Invalid {
				t.Errorf("%s: %v, hint %q", fault.Of(err), err, fault.Hint(err))
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has several lines", err)
			}
			if strings.Contains(err.Error()+fault.Hint(err), secret) {
				t.Error("the password is told")
			}
		})
	}
}

func TestUnreadableURLTellsNoPassword(t *testing.T) {
	for _, location := range []string{
		"postgres://me:the-secret-word@host:port/db", "postgres://me:the-secret-word@[::1/db", "postgres://me:the-secret%zz-word@host/db",
		"me:the-secret-word@host/db", "postgres:the-secret-word", "mysql://me:the-secret-word@host/db",
	} {
		s, err := store.Open(t.Context(), location)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", location)
		} else if strings.Contains(err.Error()+fault.Hint(err), "secret") || fault.Of(err) != fault.Invalid || fault.Hint(err) == "" {
			t.Errorf("%v: %v, hint %q", fault.Of(err), err, fault.Hint(err))
		}
	}
}

func TestWrongPasswordIsDenied(t *testing.T) {
	location := server(t, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "the-secret-word") })
	s, err := store.Open(t.Context(), location)
	if err == nil {
		s.Close()
		t.Skip("SKIPPED: this PostgreSQL asks for no password (that of make test does)")
	}
	if fault.Of(err) != fault.Denied || strings.Contains(err.Error(), "the-secret-word") {
		t.Errorf("%s: %v", fault.Of(err), err)
	}
}

// A user who may not make tables is told what to grant.
func TestUserWithoutPermission(t *testing.T) {
	location := server(t, func(*url.URL) {})
	db, err := sql.Open("pgx", location)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{`DROP SCHEMA IF EXISTS closed CASCADE`, `DROP ROLE IF EXISTS nobody_much`,
		`CREATE ROLE nobody_much LOGIN PASSWORD 'x'`, `CREATE SCHEMA closed`, `GRANT USAGE ON SCHEMA closed TO nobody_much`} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Exec(`DROP SCHEMA closed CASCADE; DROP ROLE nobody_much`)
	s, err := store.Open(t.Context(), server(t, func(u *url.URL) {
		u.User = url.UserPassword("nobody_much", "x")
		q := u.Query()
		q.Set("search_path", "closed")
		u.RawQuery = q.Encode()
	}))
	if err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "permission denied") || !strings.Contains(fault.Hint(err), "GRANT") {
		t.Errorf("%v: %v, hint %q", fault.Of(err), err, fault.Hint(err))
	}
}

// relay stands between a store and its database, and can be cut or stopped.
type relay struct {
	listener net.Listener
	lock     sync.Mutex
	conns    []net.Conn
	cut      bool
	stuck    chan struct{} // what is read waits for it to be closed; nil lets all through
}

// throughRelay is a store's URL that leads through a relay.
func throughRelay(t *testing.T, location string) (*relay, string) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l}
	to := u.Host
	u.Host = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(c, to)
		}
	}()
	t.Cleanup(func() { l.Close(); r.set(true) })
	return r, u.String()
}

func (r *relay) pass(c net.Conn, to string) {
	d, err := net.Dial("tcp", to)
	if err != nil {
		c.Close()
		return
	}
	r.lock.Lock()
	r.conns = append(r.conns, c, d)
	if r.cut {
		c.Close()
		d.Close()
	}
	r.lock.Unlock()
	go func() { io.Copy(d, c); d.Close() }()
	io.Copy(c, r.slow(d))
	c.Close()
}

// slow reads what the database says, as long as it is let through.
func (r *relay) slow(from io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := from.Read(p)
		r.lock.Lock()
		stuck := r.stuck
		r.lock.Unlock()
		if stuck != nil {
			<-stuck
		}
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// set cuts all connections, and those to come, or lets new ones through.
func (r *relay) set(cut bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.cut = cut
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

func TestTransactionsOutliveACutConnection(t *testing.T) {
	r, location := throughRelay(t, schema(t))
	s := openURL(t, location)
	tries := 0
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		if tries++; tries == 1 {
			r.set(false) // cuts those there are
		}
		return tx.SetSetting(t.Context(), "name", "value")
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
	if v, err := s.View().Setting(t.Context(), "name"); err != nil || v != "value" {
		t.Errorf("%q, %v", v, err)
	}
}

func TestDatabaseThatIsGoneIsUnavailable(t *testing.T) {
	r, location := throughRelay(t, schema(t))
	s := openURL(t, location)
	r.set(true)
	_, err := s.View().Setting(t.Context(), "name")
	if fault.Of(err) != fault.Unavailable || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("read: %s: %v", fault.Of(err), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = s.InTx(ctx, func(tx *store.Tx) error { return tx.SetSetting(ctx, "name", "value") })
	if fault.Of(err) != fault.Unavailable && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: %s: %v", fault.Of(err), err)
	}
	r.set(false)
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(t.Context(), "name", "value") }); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

func TestWaitsForTheDatabaseEndWithTheirContext(t *testing.T) {
	location := schema(t)
	r, through := throughRelay(t, location)
	s, other := openURL(t, through), openURL(t, location)
	r.lock.Lock()
	r.stuck = make(chan struct{})
	r.lock.Unlock()
	defer close(r.stuck)
	for name, do := range map[string]func(context.Context) error{
		"a read of a server that says nothing": func(ctx context.Context) error {
			_, err := s.View().Setting(ctx, "name")
			return err
		},
		"a row that another keeps": func(ctx context.Context) error {
			if err := other.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(t.Context(), "name", "0") }); err != nil {
				return err
			}
			return other.InTx(t.Context(), func(tx *store.Tx) error {
				if err := tx.SetSetting(t.Context(), "name", "1"); err != nil {
					return err
				}
				return other.InTx(ctx, func(tx *store.Tx) error { return tx.SetSetting(ctx, "name", "2") })
			})
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

// Statements that run for too long are ended by the server.
func TestStatementsHaveALimitOfTime(t *testing.T) {
	location := schema(t)
	keeper := openURL(t, location)
	s, err := store.Open(t.Context(), location+"&statement_timeout=100")
	for limit := 200; err != nil && limit < 60_000; limit *= 2 { // to open it takes statements, too
		s, err = store.Open(t.Context(), fmt.Sprint(location, "&statement_timeout=", limit))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = keeper.InTx(t.Context(), func(tx *store.Tx) error {
		if err := tx.SetSetting(t.Context(), "name", "1"); err != nil {
			return err
		}
		err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(t.Context(), "name", "2") })
		if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: %v", fault.Of(err), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Numbers go on where they stood in rows that were copied from another database.
func TestSequencesFollowCopiedRows(t *testing.T) {
	location := schema(t)
	openURL(t, location).Close()
	db, err := sql.Open("pgx", location)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE ids SET taken = 41 WHERE name = 'images'`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{42, 43} { // opening it again repeats no number
		s := openURL(t, location)
		i := store.Image{Account: "a", Digest: string(rune('a' + want)), Status: "not_analyzed"}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) }); err != nil || i.ID != want {
			t.Errorf("number %d, %v; want %d", i.ID, err, want)
		}
		s.Close()
	}
}
