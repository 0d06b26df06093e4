// Package importserver takes evidence in, keeps it, has it assessed and serves
// the reports: the HTTP API and the workers behind it.
//
// It links no engine: the functions that analyse, match and judge are handed to
// it. See Functions.
package importserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/secretbox"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/worker"
)

// Server is an import server on one data directory.
type Server struct {
	options   Options
	functions Functions
	log       *slog.Logger

	lock  *os.File
	store *store.Store
	blobs *blobs.Store
	queue *queue.Queue
	admin password // of the user admin

	memory   access.Memory
	throttle access.Throttle

	metrics *metrics
	secrets *secretbox.Box // seals the passwords of registries

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup // what goes on although its request was answered
	syncing    chan struct{}  // the one place for a download of the vulnerability database

	heavy  chan struct{} // places for what clients ask for that costs as much as an assessment
	tidy   chan struct{} // wakes the housekeeper
	closed sync.Once
}

// Open prepares the data directory: it takes the directory's lock, migrates the
// rows, and hands work that an earlier process left unfinished back to the queue.
// A directory that another server holds is fault.Conflict.
func Open(ctx context.Context, o Options, f Functions) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, functions: f, log: o.Log,
		throttle: access.Throttle{Delay: o.LoginDelay},
		heavy:    make(chan struct{}, o.Workers), tidy: make(chan struct{}, 1),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.syncing = make(chan struct{}, 1)
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	dir := s.options.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	var err error
	if s.lock, err = lock(dir); err != nil {
		return err
	}
	if s.admin, err = adminPassword(s.options.AdminPassword, dir); err != nil {
		return err
	}
	if err := s.openBlobs(ctx); err != nil {
		return err
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.openSecrets(ctx); err != nil {
		return err
	}
	s.metrics = newMetrics(s)
	return s.resume(ctx)
}

// openBlobs also removes what an earlier process left half-written: the lock says
// that none is at it now.
func (s *Server) openBlobs(ctx context.Context) error {
	temp := filepath.Join(s.options.Dir, "tmp")
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("clear %s: %w", temp, err)
	}
	var err error
	if s.blobs, err = blobs.OpenDir(filepath.Join(s.options.Dir, "blobs"), temp); err != nil {
		return err
	}
	_, err = s.blobs.Sweep(ctx, s.options.Now())
	return err
}

func (s *Server) openStore(ctx context.Context) error {
	name := filepath.Join(s.options.Dir, "tidepole.db")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) // so that nobody else may read it
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.store, err = store.Open(ctx, "sqlite:"+name); err != nil {
		return err
	}
	if err := s.store.Rendering(ctx, renderImage); err != nil {
		return err
	}
	s.queue = queue.New(s.store, queue.Options{
		LeaseTime: s.options.LeaseTime, MaxAttempts: s.options.MaxAttempts, RetryDelay: s.options.RetryDelay,
		Now: s.options.Now, Host: s.options.Host, Version: s.options.Version, OnMove: s.moved,
	})
	return nil
}

// resume puts right what the end of an earlier process left.
func (s *Server) resume(ctx context.Context) error {
	n, err := s.queue.TakeAll(ctx)
	if err != nil {
		return err
	}
	mended, err := s.queue.Mend(ctx)
	if err != nil {
		return err
	}
	if n+mended > 0 {
		s.log.Info("work resumed", "interrupted", n, "mended", mended)
	}
	if n > 0 {
		s.noteService(ctx, wire.EventServiceOrphaned, "the server had been stopped at work, which was put back into the queue", map[string]any{"images": n})
	}
	return s.introduceAdmin(ctx)
}

// Run works off the queue and keeps house until ctx ends. Then it claims nothing
// more, waits Options.Grace for what runs, and puts the rest back into the queue.
// It returns nil when all is settled.
func (s *Server) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { s.keepHouse(ctx) })
	pool := &worker.Pool{
		Queue: s.queue, Name: fmt.Sprintf("%s/%d", s.options.Host, os.Getpid()), Size: s.options.Workers,
		Do: s.process, Heartbeat: s.options.Heartbeat, Poll: s.options.PollInterval,
		Grace: s.options.Grace, Limit: s.options.JobTime, Log: s.log, Observe: s.metrics.attempt,
	}
	pool.Run(ctx)
	all.Wait()
	s.noteService(context.WithoutCancel(ctx), wire.EventServiceDown, "the server ended as it was told to", nil)
	return nil
}

// Close ends the use of the data directory. Handler and Run must have ended.
func (s *Server) Close() error {
	var errs []error
	s.closed.Do(func() {
		s.end()
		s.background.Wait()
		if s.store != nil {
			errs = append(errs, s.store.Close())
		}
		if s.blobs != nil {
			errs = append(errs, s.blobs.Close())
		}
		if s.lock != nil {
			errs = append(errs, s.lock.Close())
		}
	})
	return errors.Join(errs...)
}

// place waits for a place among the heavy requests; leave gives it back.
func (s *Server) place(ctx context.Context) (leave func(), err error) {
	select {
	case s.heavy <- struct{}{}:
		return func() { <-s.heavy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// now is the time, at the precision of the rows.
func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }
