// Package node opens what a server and a worker have in common: the data folder, the
// store, the blobs and the vulnerability database.
package node

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
)

// Options are the flags that both have.
type Options struct {
	Data    string
	Store   string
	Blobs   string
	KeyFile string
	Workers int
	Grace   time.Duration

	Patience Patience
}

// Register adds the flags of a command; its name begins the keys of those that are not
// the same for both.
func (o *Options) Register(e *env.Env, fs *pflag.FlagSet, command string) {
	fs.StringVar(&o.Data, "data", "", "`DIR` that holds everything (default: tidepole in the user's data folder)")
	fs.StringVar(&o.Store, "store", "", "`URL` of the PostgreSQL database for what is searched (default: a SQLite file in the data folder); with a password in it, give it as TIDEPOLE_STORE")
	fs.StringVar(&o.Blobs, "blobs", "", "`URL` of where evidence is kept: a folder, or s3://BUCKET?region=NAME (default: blobs in the data folder)")
	fs.StringVar(&o.KeyFile, "key-file", "", "`FILE` of the key that the passwords of registries are encrypted with, the same for all processes on a store (default: registry-key in the data folder)")
	of := words[command]
	fs.IntVar(&o.Workers, "workers", 2, of.workers)
	config.Duration(fs, &o.Grace, "grace", 10*time.Second, "how long running work may go on when the "+of.noun+" is to end")
	for flag, key := range map[string]string{
		"data": "data", "store": "store", "blobs": "blobs", "key-file": "key-file", "workers": command + ".workers", "grace": command + ".grace",
	} {
		config.Key(fs, flag, key)
	}
	o.Patience.register(fs)
	e.Analysis.RegisterHere(fs)
	e.Bounds.Register(fs)
}

// words are how the flags of a command speak of it.
var words = map[string]struct{ noun, workers string }{
	"serve":  {"server", "images worked on at once; 0 leaves them to other processes on the same --store"},
	"worker": {"worker", "images worked on at once"},
}

// Prepare makes the data folder, and tries whether this user can write to it.
func (o *Options) Prepare(e *env.Env) error {
	if err := o.Patience.check(); err != nil {
		return err
	}
	if err := e.Bounds.Check(); err != nil {
		return err
	}
	if o.Data == "" {
		o.Data = config.DataDir(e.Lookup)
	}
	if o.Data == "" {
		return fault.New(fault.Invalid, "no data folder is named, and this user has no home folder").WithHint("--data DIR names one")
	}
	err := os.MkdirAll(o.Data, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(o.Data, ".writable-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	var other *fs.PathError
	if errors.As(err, &other) {
		err = other.Err
	}
	if err != nil {
		return fault.New(fault.Invalid, "prepare the data folder %s: %w", o.Data, err).
			WithHint("--data DIR names a folder that this user can make and write to")
	}
	return nil
}

// Node is a server or a worker that was opened.
type Node struct {
	*importserver.Server
	closers []io.Closer
}

// Close ends the use of everything, last first.
func (n *Node) Close() error {
	var err error
	for i := len(n.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, n.closers[i].Close())
	}
	return err
}

// Open opens everything. The vulnerability database comes from a URL, if it is
// downloaded; set has what else the command sets.
func Open(ctx context.Context, e *env.Env, o Options, vulndbURL string, set func(*importserver.Options)) (*Node, error) {
	db, err := engine.OpenDatabase(e, filepath.Join(o.Data, "vulndb"), vulndbURL)
	if err != nil {
		return nil, err
	}
	n := &Node{closers: []io.Closer{db}}
	functions, err := engine.Functions(e, db)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	settings := importserver.Options{
		Dir: o.Data, Store: o.Store, Blobs: o.Blobs, KeyFile: o.KeyFile, Version: e.Version.Number,
		Workers: o.Workers, Grace: o.Grace, JobTime: jobTime(e.Bounds), MaxImageMB: e.Bounds.ImageMB, Log: e.Log, Tracer: e.Tracer, Now: e.Now,
	}
	o.Patience.apply(&settings)
	set(&settings)
	if n.Server, err = importserver.Open(ctx, settings, functions); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.closers = append(n.closers, n.Server)
	return n, nil
}

// jobTime is the longest that an attempt may take: the analysis, which has a limit of
// its own, and what is done with the evidence.
func jobTime(b env.Bounds) time.Duration {
	if b.Time <= 0 {
		return 365 * 24 * time.Hour
	}
	return b.Time + time.Hour
}
