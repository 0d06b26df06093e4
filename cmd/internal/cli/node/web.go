package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
)

// Limits of connections. There is none on a whole request: uploads and downloads
// are as long as they are, and the handlers watch that they go on.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 64 << 10
)

// Listen takes an address that a flag names.
func Listen(ctx context.Context, flag, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "listen on %s: %w", address, err).
			WithHint("--%s HOST:PORT chooses another address; port 0 is a free one", flag)
	}
	return l, nil
}

// Web answers requests.
type Web struct {
	server   *http.Server
	listener net.Listener
	secure   bool // it serves HTTPS
}

// NewWeb is an HTTP server, of HTTPS where secure is not nil.
func NewWeb(e *env.Env, listener net.Listener, handler http.Handler, secure *tls.Config) *Web {
	return &Web{listener: listener, secure: secure != nil, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerSize,
		TLSConfig: secure, ErrorLog: slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug),
	}}
}

// Serve answers requests until Shutdown.
func (w *Web) Serve() error {
	var err error
	if w.secure {
		err = w.server.ServeTLS(w.listener, "", "")
	} else {
		err = w.server.Serve(w.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", w.listener.Addr(), err)
}

// Shutdown lets running requests end within grace, and then ends them.
func (w *Web) Shutdown(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		return w.server.Close()
	}
	return nil
}

// URL is where it listens.
func (w *Web) URL() string { return w.url(w.listener.Addr().(*net.TCPAddr)) }

func (w *Web) url(address *net.TCPAddr) string {
	if w.secure {
		return fmt.Sprintf("https://%s", address)
	}
	return fmt.Sprintf("http://%s", address)
}

// Loopback tells whether only this machine reaches it.
func (w *Web) Loopback() bool { return w.listener.Addr().(*net.TCPAddr).IP.IsLoopback() }

// WriteURL writes to a file where processes on this machine reach it.
func (w *Web) WriteURL(path string) error {
	address := w.listener.Addr().(*net.TCPAddr)
	if address.IP.IsUnspecified() {
		address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: address.Port}
	}
	return output.Atomically(path, func(f io.Writer) error {
		_, err := fmt.Fprintln(f, w.url(address))
		return err
	})
}
