package store_test

import (
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// Clocks of processes on one database agree, however wrong their own are.
func TestClocksAgree(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, off := range []time.Duration{0, time.Hour, -48 * time.Hour} {
		c := s.Clock(func() time.Time { return time.Now().Add(off) })
		ahead, err := c.Set(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// The database may run elsewhere: it is within a minute of this machine.
		if d := (ahead + off).Abs(); d > time.Minute {
			t.Errorf("a clock that is off by %s: the database's is ahead by %s", off, ahead)
		}
		if d := c.Now().Sub(time.Now()).Abs(); d > time.Minute {
			t.Errorf("a clock that is off by %s is off by %s still", off, d)
		}
	}
}

// Once the database's time is known, a jump of the machine's own clock changes nothing.
func TestAClockThatJumps(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	off := time.Duration(0)
	c := s.Clock(func() time.Time { return time.Now().Add(off) })
	if _, err := c.Set(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := c.Now()
	for _, off = range []time.Duration{time.Hour, -48 * time.Hour} {
		if d := c.Now().Sub(before); d < 0 || d > time.Minute {
			t.Errorf("after a jump by %s the clock is off by %s", off, d)
		}
	}
}

// The first answer is gone by however long it took.
func TestAClockThatIsReadSlowly(t *testing.T) {
	at, err := url.Parse(storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	q.Set("pool_max_conns", "2")
	at.RawQuery = q.Encode()
	s, err := store.Open(t.Context(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var busy sync.WaitGroup
	held, release := make(chan struct{}), make(chan struct{})
	for range 2 { // all connections
		busy.Go(func() {
			_ = s.InTx(t.Context(), func(*store.Tx) error {
				held <- struct{}{}
				<-release
				return nil
			})
		})
	}
	<-held
	<-held
	c := s.Clock(func() time.Time { return time.Now().Add(time.Hour) })
	begun := time.Now()
	time.AfterFunc(1200*time.Millisecond, func() { close(release) })
	if _, err := c.Set(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Fatalf("it took %s only", took)
	}
	if d := c.Now().Sub(time.Now()).Abs(); d > time.Minute {
		t.Errorf("the clock is off by %s", d)
	}
	busy.Wait()
}

// A store of one process alone goes by that process's clock.
func TestAClockOfOnesOwn(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	c := s.Clock(func() time.Time { return now })
	if ahead, err := c.Set(t.Context()); ahead != 0 || err != nil || !c.Now().Equal(now) {
		t.Errorf("ahead %s, %v; now %s", ahead, err, c.Now())
	}
}
