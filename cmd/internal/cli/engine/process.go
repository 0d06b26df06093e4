package engine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/cmd/internal/cli/child"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/logs"
)

// Process is the command that a server runs for each analysis. What it is to do it
// reads from standard input, where it is told so by its parent; it is for nobody else.
func Process(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use: childCommand, Hidden: true, Args: cobra.NoArgs, Short: "Make one analysis for a server",
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // it has no settings of its own
		RunE:              func(cmd *cobra.Command, _ []string) error { return carryOut(cmd.Context(), e) },
	}
}

// carryOut makes the analysis that its parent orders. How that went it tells the
// parent; there is no error but that it cannot.
func carryOut(ctx context.Context, e *env.Env) error {
	child.Spare()
	e.Log = logs.New(e.Err, "text", slog.LevelWarn)
	var o order
	// A signal to all processes of a service is its server's matter, which may let
	// the analysis go on for some time.
	ctx, err := child.Input(context.WithoutCancel(ctx), e.In, &o)
	if err != nil {
		return err
	}
	var lock sync.Mutex
	out := json.NewEncoder(e.Out)
	say := func(s said) {
		lock.Lock()
		defer lock.Unlock()
		_ = out.Encode(s) // a parent that does not read any more has ended
	}
	if err := o.carryOut(ctx, e, say); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		say(said{Error: complain(err)})
		return nil
	}
	say(said{Done: true})
	return nil
}

func (o order) carryOut(ctx context.Context, e *env.Env, say func(said)) (err error) {
	defer collectSooner(e)()
	e.Global.TempDir, e.Analysis = o.Dir, o.Analysis
	temp, err := e.TempDir()
	if err != nil {
		return err
	}
	r, limits := o.Registry, imageLimits(o.Analysis)
	limits.MaxStoredBytes = o.Stored
	req := analysis.Request{
		Image: image.Request{Reference: o.PullString, Source: registrySource, Platform: o.Platform, Options: image.Options{
			Registry: image.Registry{
				Credentials: r.Credentials, DockerConfigDir: r.DockerConfigDir, CAs: r.CAs, PlainHTTP: r.PlainHTTP,
				SkipVerify: r.SkipVerify, StallTimeout: r.StallTimeout, Proxy: http.ProxyFromEnvironment,
			},
			TempDir: temp, Limits: limits,
		}},
		Name: o.Name, Dockerfile: o.Dockerfile, Annotations: o.Annotations,
	}
	options, err := analysisOptions(e, temp, o.Secrets, o.Searches)
	if err != nil {
		return err
	}
	stage := ""
	var lock sync.Mutex
	options.Progress = func(p image.Progress) {
		lock.Lock()
		defer lock.Unlock()
		if p.Stage != stage {
			stage = p.Stage
			say(said{Stage: stage})
		}
	}
	warn := func(err error) { say(said{Warn: complain(err)}) }
	// What has no name, or lies in the cache's folder, its parent does not see.
	options.Quota = cache.NewQuota(o.Disk, exceeded(&child.Exceeded{What: "disk", Limit: child.Size(o.Disk)}))
	var store *cache.Dir
	if o.Cache != "" {
		if store, err = cache.Open(o.Cache, cache.Options{MaxBytes: o.Analysis.Cache.MaxBytes, Now: e.Now, Warn: warn, TempDir: temp, Quota: options.Quota}); err != nil {
			warn(err)
		}
	}
	if store != nil {
		defer store.Close()
		options.Cache = told{store, e.Log}
	}
	b, err := analysis.Analyze(ctx, req, options)
	if err != nil {
		return err
	}
	return errors.Join(writeEvidence(o.Evidence, b), b.Close())
}

func writeEvidence(name string, b *bundle.Bundle) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(bundle.WriteFile(f, b), f.Close())
}
