package blobs

import (
	"context"
	"net"
	"net/http"
	"time"
)

// callTime is how long one small call may take, with all its attempts.
const callTime = 2 * time.Minute

// enterTime is how long the first one may take, for which somebody waits who starts the
// program.
var enterTime = 15 * time.Second

// slow is the error of a call that took longer than it says.
type slow time.Duration

func (s slow) Error() string { return "no answer in " + time.Duration(s).String() }

// bounded makes a small call that ends in time.
func bounded(ctx context.Context, call func(context.Context) error) error {
	return within(ctx, callTime, call)
}

// within makes a call that ends within a limit.
func within(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := call(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return slow(limit)
	}
	return err
}

// client is an HTTP client whose connections end when they pass no byte for a
// time: that bounds what is long, too, and only where nothing goes on.
func client(still time.Duration) *http.Client {
	dialer := net.Dialer{Timeout: min(10*time.Second, still), KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &line{Conn: c, still: still}, nil
		},
		TLSHandshakeTimeout: min(10*time.Second, still),
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     still / 2,
	}}
}

// line is a connection that fails when it stands still.
type line struct {
	net.Conn
	still time.Duration
}

func (l *line) Read(p []byte) (int, error) {
	l.SetReadDeadline(time.Now().Add(l.still))
	return l.Conn.Read(p)
}

// Write also extends the time of a read that waits already, as one does from
// before a request is sent.
func (l *line) Write(p []byte) (int, error) {
	l.SetDeadline(time.Now().Add(l.still))
	return l.Conn.Write(p)
}
