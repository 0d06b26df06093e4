package store

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// silence is how long a server may say nothing while it is waited for: longer than
// any statement may take, so that only one that is stuck, or cut off without a
// word, is given up.
const silence = postgresAnswer + 15*time.Second

// impatient has connections end reads that wait too long.
func impatient(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatientConn{Conn: c}, nil
	}
}

// impatientConn gives each read a deadline, unless its user set one.
type impatientConn struct {
	net.Conn
	lock  sync.Mutex
	given time.Time // by the user
}

func (c *impatientConn) Read(p []byte) (int, error) {
	c.lock.Lock()
	if c.given.IsZero() {
		if err := c.Conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			c.lock.Unlock()
			return 0, err
		}
	}
	c.lock.Unlock()
	return c.Conn.Read(p)
}

// SetDeadline ends a read that is under way, too.
func (c *impatientConn) SetDeadline(t time.Time) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.given = t
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline ends a read that is under way, too.
func (c *impatientConn) SetReadDeadline(t time.Time) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.given = t
	return c.Conn.SetReadDeadline(t)
}
