package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/cmd/internal/cli/child"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// order is an analysis that a process of its own is to make, and all settings for
// it: the process reads none itself.
type order struct {
	PullString  string
	Platform    string
	Name        string // the first tag; "" where there is none
	Dockerfile  []byte
	Annotations map[string]string

	Registry registry
	Analysis env.Analysis
	Cache    string            // the folder; "" where there is none
	Secrets  map[string]string // further ones to search for
	Searches map[string]string
	Memory   int64 // bytes that it may take
	Disk     int64 // bytes that its files without a name may take; 0 is no limit
	Stored   int64 // bytes that the layers may have, as they are stored; 0 is no limit

	Dir      string // for its temporary files
	Evidence string // the file to write
}

// registry is how registries are reached, but for what cannot be told.
type registry struct {
	Credentials     []image.Credential
	DockerConfigDir string
	CAs             []image.CA
	PlainHTTP       []string
	SkipVerify      []string
	StallTimeout    time.Duration
}

// childCommand is the name of the command that makes an analysis for a server.
const childCommand = "analysis-process"

// evidenceFile is where, in its folder, an analysis writes what it found.
const evidenceFile = "evidence"

// apart has an analysis made in a process of its own.
func (s server) apart(ctx context.Context, job importserver.Job, to importserver.Importer) (err error) {
	temp, err := s.env.TempDir()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(temp, "analysis-")
	if err != nil {
		return fmt.Errorf("make a folder for the analysis: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o, err := s.order(ctx, job, dir)
	if err != nil {
		return err
	}
	if err := s.have(ctx, o, job.Progress); err != nil {
		return err
	}
	b, err := openEvidence(o.Evidence)
	if err != nil {
		return err
	}
	_, err = retagged{to, job.Tags}.Import(ctx, b, wire.AddOptions{})
	return errors.Join(err, b.Close())
}

func (s server) order(ctx context.Context, job importserver.Job, dir string) (order, error) {
	r := s.signedIn(job.PullString, job.Login).Registry
	o := order{
		PullString: job.PullString, Platform: job.Platform, Dockerfile: job.Dockerfile, Annotations: job.Annotations,
		Registry: registry{r.Credentials, r.DockerConfigDir, r.CAs, r.PlainHTTP, r.SkipVerify, r.StallTimeout},
		Analysis: s.env.Analysis, Memory: s.env.Bounds.Memory, Disk: s.env.Bounds.Disk, Stored: s.env.Bounds.ImageBytes(), Dir: dir, Evidence: filepath.Join(dir, evidenceFile),
	}
	o.Analysis.Registry = env.Registry{} // it is in Registry above
	if len(job.Tags) > 0 {
		o.Name = job.Tags[0]
	}
	if c := s.env.Analysis.Cache; !c.Off && c.MaxBytes > 0 {
		dir, err := CacheDir(s.env)
		if err != nil {
			logCache(ctx, s.env)(err)
		}
		o.Cache = dir
	}
	var err error
	if o.Secrets, err = s.env.SecretPatterns(); err != nil {
		return o, err
	}
	o.Searches, err = s.env.SearchPatterns()
	return o, err
}

// have has an order carried out.
func (s server) have(ctx context.Context, o order, progress func(string)) error {
	var failed error
	done := false
	b := s.env.Bounds
	var inherited []string
	if s.env.Environ != nil {
		inherited = s.env.Environ()
	}
	err := child.Run(ctx, child.Task{
		Program: s.env.Program, Args: []string{childCommand}, Env: childEnv(inherited, b.Env, b.Memory), Dir: o.Dir, Input: o,
		Limits: child.Limits{Memory: b.Memory, Disk: b.Disk, Time: b.Time},
		Line: func(line []byte) error {
			var l said
			if err := json.Unmarshal(line, &l); err != nil {
				return fmt.Errorf("the analysis says what cannot be understood: %.100q", line)
			}
			switch {
			case l.Error != nil:
				failed = l.Error.err()
			case l.Warn != nil:
				logCache(ctx, s.env)(l.Warn.err())
			case l.Done:
				done = true
			case l.Stage != "":
				progress(l.Stage)
			}
			return nil
		},
		Log: func(line string) { s.env.Log.WarnContext(ctx, "analysis", "reference", o.PullString, "says", line) },
	})
	if err != nil {
		sweepCache(o)
	}
	var over *child.Exceeded
	switch {
	case errors.As(err, &over):
		return fmt.Errorf("analyse %s: %w", o.PullString, exceeded(over))
	case failed != nil:
		return failed
	case err != nil:
		return fmt.Errorf("analyse %s: %w", o.PullString, err)
	case !done:
		return fmt.Errorf("analyse %s: its process ended without a word", o.PullString)
	}
	return nil
}

// exceeded names the flag that raises the limit which was passed.
func exceeded(over *child.Exceeded) error {
	flag := map[string]string{"memory": "--max-memory", "disk": "--max-disk", "time": "--analysis-time"}[over.What]
	return fault.New(fault.TooLarge, "%w", over).
		WithHint("%s of the server, or worker, that analyses raises the limit", flag)
}

// sweepCache removes what a process that was ended left unfinished in the cache:
// opening it does. There may be secrets in it that were yet to be taken out. Where it
// fails, the next analysis does it.
func sweepCache(o order) {
	if o.Cache == "" {
		return
	}
	if store, err := cache.Open(o.Cache, cache.Options{MaxBytes: o.Analysis.Cache.MaxBytes}); err == nil {
		_ = store.Close()
	}
}

func openEvidence(name string) (*bundle.Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return bundle.OpenFile(f, info.Size())
}
