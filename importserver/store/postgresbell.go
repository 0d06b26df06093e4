package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	bellPause   = 10 * time.Millisecond // between two notifications: each makes all processes look
	bellTime    = 5 * time.Second       // the longest that one may take
	bellQuiet   = 30 * time.Second      // without a notification, the connection is tried
	bellAgain   = 100 * time.Millisecond
	bellSeldom  = 30 * time.Second // the longest between two attempts to connect
	bellDefault = 10 * time.Second // the longest that anything else may take
)

// postgresBell is NOTIFY and LISTEN, on a channel of the schema's own. The latter
// takes a connection for itself.
type postgresBell struct {
	db      *sql.DB
	config  *pgx.ConnConfig
	channel string
	self    string // tells this process's own notifications

	rung      chan struct{}
	listening sync.Once
	life      context.Context
	end       context.CancelFunc
	all       sync.WaitGroup
}

func newPostgresBell(db *sql.DB, config *pgx.ConnConfig, schema string) *postgresBell {
	sum := sha256.Sum256([]byte(schema)) // names of channels are short
	b := &postgresBell{
		db: db, config: config.Copy(), channel: "tidepole_" + hex.EncodeToString(sum[:8]), self: rand.Text(),
		rung: make(chan struct{}, 1),
	}
	b.life, b.end = context.WithCancel(context.Background())
	b.all.Go(b.send)
	return b
}

func (b *postgresBell) ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

func (b *postgresBell) close() {
	b.end()
	b.all.Wait()
}

// send notifies others. What cannot be sent is left: they look from time to time.
func (b *postgresBell) send() {
	for {
		select {
		case <-b.rung:
		case <-b.life.Done():
			return
		}
		ctx, cancel := context.WithTimeout(b.life, bellTime)
		_, _ = b.db.ExecContext(ctx, `SELECT pg_notify($1, $2)`, b.channel, b.self)
		cancel()
		b.pause(bellPause)
	}
}

func (b *postgresBell) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.life.Done():
	}
}

func (b *postgresBell) listen(heard func()) {
	b.listening.Do(func() {
		b.all.Go(func() {
			wait := bellAgain
			for b.life.Err() == nil {
				if b.hear(heard) {
					wait = bellAgain
				}
				b.pause(wait/2 + mathrand.N(wait))
				wait = min(2*wait, bellSeldom)
			}
		})
	})
}

// hear listens until the connection ends, and tells whether there was one. What
// was sent before it was there may concern this process: it is heard, too.
func (b *postgresBell) hear(heard func()) bool {
	conn, err := b.connect()
	if err != nil {
		return false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn.Close(ctx)
	}()
	for {
		heard()
		if !b.next(conn) {
			return true
		}
	}
}

func (b *postgresBell) connect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(b.life, bellDefault)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, b.config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{b.channel}.Sanitize()); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// next waits for another process's notification; false is the end of the connection.
func (b *postgresBell) next(conn *pgx.Conn) bool {
	for b.life.Err() == nil {
		ctx, cancel := context.WithTimeout(b.life, bellQuiet)
		n, err := conn.WaitForNotification(ctx)
		cancel()
		switch {
		case err == nil && n.Payload != b.self:
			return true
		case err == nil:
		case conn.IsClosed() || !b.alive(conn):
			return false
		}
	}
	return false
}

func (b *postgresBell) alive(conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(b.life, bellDefault)
	defer cancel()
	return conn.Ping(ctx) == nil
}
