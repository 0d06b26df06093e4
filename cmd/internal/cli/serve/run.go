package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/node"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
)

// run runs the server until ctx ends, and then drains it.
func run(ctx context.Context, e *env.Env, o options) (err error) {
	if (o.cert == "") != (o.key == "") {
		return fault.New(fault.Invalid, "--tls-cert and --tls-key go together")
	}
	switch {
	case o.node.Workers < 0:
		return fault.New(fault.Invalid, "--workers %d: it is 0 or more", o.node.Workers)
	case o.node.Workers == 0 && o.node.Store == "":
		return fault.New(fault.Invalid, "--workers 0: at least one is needed, for nobody else can work on the SQLite file").
			WithHint("with --store URL, workers may be elsewhere")
	case o.node.Workers == 0:
		o.node.Workers = -1 // of importserver.Options
	}
	if o.events < 1 || o.eventAge <= 0 {
		return fault.New(fault.Invalid, "--events %d --event-age %v: at least one event is kept, and for some time", o.events, o.eventAge)
	}
	if err := o.keeping.check(); err != nil {
		return err
	}
	secure, err := o.tls()
	if err != nil {
		return err
	}
	listener, err := node.Listen(ctx, "listen", o.listen)
	if err != nil {
		return err
	}
	defer listener.Close() // where serving did not come to it
	var watched net.Listener
	if o.metrics != "" {
		if watched, err = node.Listen(ctx, "metrics-listen", o.metrics); err != nil {
			return err
		}
		defer watched.Close()
	}
	if err := o.node.Prepare(e); err != nil {
		return err
	}
	password, err := adminPassword(e, o)
	if err != nil {
		return err
	}
	server, err := node.Open(ctx, e, o.node, o.vulndbURL, func(s *importserver.Options) {
		s.AdminPassword, s.MaxEvents, s.EventAge, s.NewStore = password, o.events, o.eventAge, o.newStore
		s.Housekeeping, s.BlobAge, s.Scrub = o.keeping.every, o.keeping.blobAge, o.keeping.scrub
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	webs := []*node.Web{node.NewWeb(e, listener, server.Handler(), secure)}
	if watched != nil {
		webs = append(webs, node.NewWeb(e, watched, server.Probes(), nil))
	}
	return serve(ctx, e, o, server, webs)
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

// adminPassword is the one given, or "" for the one that the server keeps.
func adminPassword(e *env.Env, o options) (string, error) {
	if o.passwordFile != "" && !e.Config.Outranks("admin-password", "admin-password-file") {
		return remote.ReadPassword(o.passwordFile)
	}
	return e.AdminPassword, nil
}

// serve answers requests and works until ctx ends or one of the parts fails. The first of
// the webs is the API's.
func serve(ctx context.Context, e *env.Env, o options, server *node.Node, webs []*node.Web) error {
	ctx, parts := node.NewParts(ctx)
	for _, web := range webs {
		parts.Start(web.Serve)
	}
	parts.Start(func() error { return server.Run(ctx) })
	if o.vulndbEvery > 0 {
		parts.Start(func() error { return keepUpdated(ctx, e, server.Server, o.vulndbEvery) })
	}
	unheard := announce(e, o, server, webs)
	if unheard != nil {
		parts.End()
	}
	<-ctx.Done()
	e.Log.Info("ending", "grace", o.node.Grace)
	err := unheard
	for _, web := range webs {
		err = errors.Join(err, web.Shutdown(o.node.Grace))
	}
	err = errors.Join(err, parts.Wait())
	if o.readyFile != "" && unheard == nil {
		err = errors.Join(err, os.Remove(o.readyFile))
	}
	return err
}

// announce says that the server listens, and where.
func announce(e *env.Env, o options, server *node.Node, webs []*node.Web) error {
	web := webs[0]
	if !web.Loopback() && o.cert == "" {
		e.Log.Warn("passwords and evidence travel in clear: give --tls-cert and --tls-key, or listen on a loopback address", "address", web.URL())
	}
	if name := server.PasswordFile(); name != "" {
		e.Say("the password of the user admin is in %s", name)
	}
	e.Say("listening on %s", web.URL())
	for _, other := range webs[1:] {
		e.Say("its state is at %s", other.URL())
	}
	if o.readyFile == "" {
		return nil
	}
	return web.WriteURL(o.readyFile)
}

// keepUpdated downloads the vulnerability database again and again. That it
// cannot is logged, and soon tried again; work goes on with the one there is.
func keepUpdated(ctx context.Context, e *env.Env, server *importserver.Server, every time.Duration) error {
	for failed := 0; ; {
		db, err := server.Account(importserver.Admin).UpdateDatabase(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case fault.Of(err) == fault.Conflict: // another server does it
			e.Log.Info("vulnerability database is being updated already")
		case err != nil:
			failed++
			e.Log.Warn("vulnerability database not updated", "error", err, "next", pause(every, failed))
		default:
			failed = 0
			e.Log.Info("vulnerability database up to date", "built", db.Built, "digest", db.Digest)
		}
		next := time.NewTimer(pause(every, failed))
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-next.C:
		}
	}
}

// pause is how long it takes to the next download, after so many in a row that failed:
// from a minute on it doubles, up to what it is else.
func pause(every time.Duration, failed int) time.Duration {
	if failed == 0 {
		return every
	}
	return min(time.Minute<<min(failed-1, 20), every)
}
