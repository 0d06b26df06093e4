package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
)

// Limits of connections. There is none on a whole request: uploads and downloads
// are as long as they are, and the handlers watch that they go on.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 64 << 10
)

// run runs the server until ctx ends, and then drains it.
func run(ctx context.Context, e *env.Env, o options) (err error) {
	if (o.cert == "") != (o.key == "") {
		return fault.New(fault.Invalid, "--tls-cert and --tls-key go together")
	}
	if o.workers < 1 {
		return fault.New(fault.Invalid, "--workers %d: at least one is needed", o.workers)
	}
	if o.events < 1 || o.eventAge <= 0 {
		return fault.New(fault.Invalid, "--events %d --event-age %v: at least one event is kept, and for some time", o.events, o.eventAge)
	}
	if o.data == "" {
		o.data = config.DataDir(e.Lookup)
	}
	if o.data == "" {
		return fault.New(fault.Invalid, "no data folder is named, and this user has no home folder").WithHint("tidepole serve --data DIR")
	}
	secure, err := o.tls()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fault.New(fault.Unavailable, "listen on %s: %w", o.listen, err).
			WithHint("--listen HOST:PORT chooses another address; port 0 is a free one")
	}
	defer listener.Close() // where serving did not come to it
	if err := prepare(o.data); err != nil {
		return err
	}
	server, closers, err := open(ctx, e, o)
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i].Close())
		}
	}()
	if err != nil {
		return err
	}
	return serve(ctx, e, o, server, listener, secure)
}

// prepare makes the data folder, and tries whether this user can write to it.
func prepare(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".writable-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	var other *fs.PathError
	if errors.As(err, &other) {
		err = other.Err
	}
	if err != nil {
		return fault.New(fault.Invalid, "prepare the data folder %s: %w", dir, err).
			WithHint("--data DIR names a folder that this user can make and write to")
	}
	return nil
}

// tls is how HTTPS is served; nil where plain HTTP is.
func (o options) tls() (*tls.Config, error) {
	if o.cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "read the certificate %s and its key %s: %w", o.cert, o.key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// open opens the data folder. What it gives is to be closed, last first, even
// where it fails.
func open(ctx context.Context, e *env.Env, o options) (*importserver.Server, []io.Closer, error) {
	password, err := adminPassword(e, o)
	if err != nil {
		return nil, nil, err
	}
	db, err := engine.OpenDatabase(e, filepath.Join(o.data, "vulndb"), o.vulndbURL)
	if err != nil {
		return nil, nil, err
	}
	closers := []io.Closer{db}
	functions, err := engine.Functions(e, db)
	if err != nil {
		return nil, closers, err
	}
	server, err := importserver.Open(ctx, importserver.Options{
		Dir: o.data, Version: e.Version.Number, AdminPassword: password,
		Workers: o.workers, Grace: o.grace, MaxEvents: o.events, EventAge: o.eventAge, Log: e.Log, Now: e.Now,
	}, functions)
	if err != nil {
		return nil, closers, err
	}
	return server, append(closers, server), nil
}

// adminPassword is the one given, or "" for the one that the server keeps.
func adminPassword(e *env.Env, o options) (string, error) {
	if o.passwordFile != "" && !e.Config.Outranks("admin-password", "admin-password-file") {
		return remote.ReadPassword(o.passwordFile)
	}
	return e.AdminPassword, nil
}

// serve answers requests and works until ctx ends or one of the parts fails.
func serve(ctx context.Context, e *env.Env, o options, server *importserver.Server, listener net.Listener, secure *tls.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	api := &http.Server{
		Handler: server.Handler(), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerSize,
		TLSConfig: secure, ErrorLog: slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 3)
	parts := 0
	start := func(part func() error) {
		parts++
		go func() {
			err := part()
			cancel()
			ended <- err
		}()
	}
	start(func() error { return answer(api, listener) })
	start(func() error { return server.Run(ctx) })
	if o.vulndbEvery > 0 {
		start(func() error { return keepUpdated(ctx, e, server, o.vulndbEvery) })
	}
	unheard := announce(e, o, listener)
	if unheard != nil {
		cancel()
	}
	<-ctx.Done()
	e.Log.Info("ending", "grace", o.grace)
	errs := []error{unheard, shutdown(api, o.grace)}
	for range parts {
		errs = append(errs, <-ended)
	}
	if o.readyFile != "" && unheard == nil {
		errs = append(errs, os.Remove(o.readyFile))
	}
	return errors.Join(errs...)
}

func answer(api *http.Server, listener net.Listener) error {
	var err error
	if api.TLSConfig != nil {
		err = api.ServeTLS(listener, "", "")
	} else {
		err = api.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
}

// shutdown lets running requests end within grace, and then ends them.
func shutdown(api *http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		return api.Close()
	}
	return nil
}

// announce says that the server listens, and where.
func announce(e *env.Env, o options, listener net.Listener) error {
	scheme := "http"
	if o.cert != "" {
		scheme = "https"
	}
	address := listener.Addr().(*net.TCPAddr)
	if !address.IP.IsLoopback() && o.cert == "" {
		e.Log.Warn("passwords and evidence travel in clear: give --tls-cert and --tls-key, or listen on a loopback address", "address", address)
	}
	if e.AdminPassword == "" && o.passwordFile == "" {
		e.Say("the password of the user admin is in %s", filepath.Join(o.data, "admin-password"))
	}
	e.Say("listening on %s://%s", scheme, address)
	if o.readyFile == "" {
		return nil
	}
	if address.IP.IsUnspecified() {
		address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: address.Port}
	}
	return output.Atomically(o.readyFile, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s://%s\n", scheme, address)
		return err
	})
}

// keepUpdated downloads the vulnerability database again and again. That it
// cannot is logged; work goes on with the one there is.
func keepUpdated(ctx context.Context, e *env.Env, server *importserver.Server, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		db, err := server.Account(importserver.Admin).UpdateDatabase(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			e.Log.Warn("vulnerability database not updated", "error", err)
		default:
			e.Log.Info("vulnerability database up to date", "built", db.Built, "digest", db.Digest)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
