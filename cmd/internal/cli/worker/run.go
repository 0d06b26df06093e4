package worker

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/node"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
)

// run works until ctx ends, and then drains.
func run(ctx context.Context, e *env.Env, o options) (err error) {
	switch {
	case o.node.Store == "":
		return fault.New(fault.Invalid, "a worker needs the store of its servers: a SQLite file is of one process alone").
			WithHint("--store postgres://USER:PASSWORD@HOST:PORT/DATABASE, or TIDEPOLE_STORE")
	case o.node.Blobs == "":
		return fault.New(fault.Invalid, "a worker needs the blobs of its servers: they are in no folder of its own").
			WithHint("--blobs names a folder that all have, or s3://BUCKET?region=NAME")
	case o.node.Workers < 1:
		return fault.New(fault.Invalid, "--workers %d: at least one is needed", o.node.Workers)
	}
	if err := o.node.Prepare(e); err != nil {
		return err
	}
	w, err := node.Open(ctx, e, o.node, "", func(s *importserver.Options) { s.WorkOnly = true })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	web, err := probes(ctx, e, o, w)
	if err != nil {
		return err
	}
	return work(ctx, e, o, w, web)
}

// probes is what is served of a worker's state; nil where that is nothing.
func probes(ctx context.Context, e *env.Env, o options, w *node.Node) (*node.Web, error) {
	if o.listen == "" {
		return nil, nil
	}
	listener, err := node.Listen(ctx, "metrics-listen", o.listen)
	if err != nil {
		return nil, err
	}
	return node.NewWeb(e, listener, w.Probes(), nil), nil
}

// work works until ctx ends or one of the parts fails.
func work(ctx context.Context, e *env.Env, o options, w *node.Node, web *node.Web) error {
	ctx, parts := node.NewParts(ctx)
	parts.Start(func() error { return w.Run(ctx) })
	if web != nil {
		parts.Start(web.Serve)
	}
	unheard := announce(e, o, w, web)
	if unheard != nil {
		parts.End()
	}
	<-ctx.Done()
	e.Log.Info("ending", "grace", o.node.Grace)
	err := unheard
	if web != nil {
		err = errors.Join(err, web.Shutdown(o.node.Grace))
	}
	err = errors.Join(err, parts.Wait())
	if o.readyFile != "" && unheard == nil {
		err = errors.Join(err, os.Remove(o.readyFile))
	}
	return err
}

// announce says that the worker works.
func announce(e *env.Env, o options, w *node.Node, web *node.Web) error {
	e.Say("working as %s", w.Name())
	if web != nil {
		e.Say("its state is at %s", web.URL())
	}
	switch {
	case o.readyFile == "":
		return nil
	case web != nil:
		return web.WriteURL(o.readyFile)
	}
	return output.Atomically(o.readyFile, func(f io.Writer) error {
		_, err := io.WriteString(f, "\n")
		return err
	})
}
