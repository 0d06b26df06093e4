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
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidepole/tidepole/formats/fault"
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

	lock     *os.File
	store    *store.Store
	blobs    *blobs.Store
	queue    *queue.Queue
	clock    *store.Clock
	clockOff atomic.Bool // this machine's clock was wrong when it was last compared
	name     string      // of this process, for others on the store
	begun    time.Time

	shared       bool   // other processes may use the store
	passwordFile string // holds the password of the user admin; "" where none does

	memory   access.Memory
	throttle access.Throttle

	installation string // whose the blobs are

	metrics *metrics
	ready   *readiness
	secrets *secretbox.Box // seals the passwords of registries

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup // what goes on although its request was answered
	syncing    chan struct{}  // the one place for a download of the vulnerability database
	swapping   chan struct{}  // the one place for a change of it, where it is shared
	follow     chan struct{}  // wakes who looks for the one that is published
	waiting    atomic.Pointer[string]
	beatNow    chan struct{} // what this process shows of itself has changed
	alone      atomic.Bool   // its database is shared with nobody, where others may be

	heavy   *access.Turns       // places for what clients ask for that costs as much as an assessment
	answers *access.Turns       // places for answers that are made from reports, taken before any other
	reports *semaphore.Weighted // memory for the reports that answers are made from, taken before a place
	spooled *semaphore.Weighted // bytes of the files in which answers wait
	tidy    chan struct{}       // wakes the housekeeper
	closed  sync.Once
}

// Open prepares the data directory: it takes the directory's lock and migrates the
// rows. Work that an earlier process left unfinished goes back to the queue: at once
// where the store is this process's alone, else when its lease ends. A directory that
// another process holds is fault.Conflict.
func Open(ctx context.Context, o Options, f Functions) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, functions: f, log: o.Log, beatNow: make(chan struct{}, 1),
		throttle: access.Throttle{Delay: o.LoginDelay},
		heavy:    access.NewTurns(max(o.Workers, 1), waitingQuestions), answers: access.NewTurns(answersAtOnce, waitingQuestions), tidy: make(chan struct{}, 1),
		reports: semaphore.NewWeighted(reportRoom), spooled: semaphore.NewWeighted(spoolRoom),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.metrics, s.ready = newMetrics(s), newReadiness(s)
	s.syncing, s.swapping, s.follow = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	s.name, s.begun = nameProcess(o.Host), s.now()
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
	if err := s.openBlobs(ctx); err != nil {
		return err
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.claimBlobs(ctx); err != nil {
		return err
	}
	if err := s.openSecrets(ctx); err != nil {
		return err
	}
	return s.resume(ctx)
}

// openBlobs also removes what an earlier process left half-read: the lock says that
// none is at it now.
func (s *Server) openBlobs(ctx context.Context) error {
	temp := filepath.Join(s.options.Dir, "tmp")
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("clear %s: %w", temp, err)
	}
	var err error
	if s.blobs, err = blobs.Open(ctx, s.options.Blobs, temp); err != nil {
		return err
	}
	s.blobs.Observe(s.metrics.blob)
	return s.blobs.Apart(s.options.Dir)
}

// claimBlobs makes sure that no other installation uses the same blobs, and that this
// one is not elsewhere by now.
func (s *Server) claimBlobs(ctx context.Context) error {
	err := s.store.InTx(ctx, func(tx *store.Tx) (err error) {
		if err := tx.Stayed(ctx); err != nil {
			return err
		}
		s.installation, err = tx.Installation(ctx)
		return err
	})
	if err == nil && s.shared {
		err = s.findBlobs(ctx)
	}
	if err == nil {
		err = s.blobsAreThere(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.blobs.Claim(ctx, s.installation); err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.SettingOr(ctx, claimedSetting, s.now().Format(time.RFC3339))
		return err
	})
}

// claimedSetting is when the installation first had a place for its blobs.
const claimedSetting = "blobs-claimed"

// blobsAreThere refuses a place for blobs that is nobody's where the installation has had
// one: it has its evidence elsewhere, or what is to be mounted there is not.
func (s *Server) blobsAreThere(ctx context.Context) error {
	since, err := s.store.View().Setting(ctx, claimedSetting)
	if err != nil || since == "" {
		return err
	}
	owner, err := s.blobs.Owner(ctx)
	if err != nil || owner != "" {
		return err
	}
	return fault.New(fault.Conflict, "use the blobs in %s: this installation's evidence is not there, which it has had since %s", s.blobs, since).
		WithHint("mount what belongs there, or name the right place with --blobs; if the evidence is lost, write %s into a file %q there, and add the images again", s.installation, "installation")
}

func (s *Server) openStore(ctx context.Context) error {
	url, err := s.storeURL()
	if err != nil {
		return err
	}
	if s.store, err = store.Open(ctx, url); err != nil {
		return err
	}
	s.shared = s.store.Shared()
	if s.options.WorkOnly && !s.shared {
		return fault.New(fault.Unsupported, "open store: a SQLite file is of one process alone, and a worker shares its store with servers").
			WithHint("--store postgres://USER:PASSWORD@HOST:PORT/DATABASE names a store for several processes")
	}
	if err := s.findLeft(ctx); err != nil { // before anything is written: what is moved goes to where nothing is
		return err
	}
	s.store.Observe(s.metrics.row)
	s.clock = s.store.Clock(s.options.Now)
	if err := s.setClock(ctx); err != nil {
		return err
	}
	s.begun = s.now()
	version, err := renderingVersion()
	if err != nil {
		return err
	}
	if err := s.store.Rendering(ctx, version, renderImage); err != nil {
		return err
	}
	s.queue = queue.New(s.store, queue.Options{
		LeaseTime: s.options.LeaseTime, MaxAttempts: s.options.MaxAttempts, RetryDelay: s.options.RetryDelay,
		Now: s.clock.Now, Host: s.options.Host, Version: s.options.Version, OnMove: s.moved, Log: s.log,
	})
	return nil
}

// RowsFile is the SQLite file with the rows, below the data directory, where no other
// database is named.
const RowsFile = "tidepole.db"

// Lock takes a data directory for this process until it is closed. One that another
// process holds is fault.Conflict.
func Lock(dir string) (io.Closer, error) { return lock(dir) }

// storeURL is where the rows are: a file in the data directory, whose lock is the
// file's too, unless a database of another kind is named.
func (s *Server) storeURL() (string, error) {
	if url := s.options.Store; url != "" {
		if strings.HasPrefix(url, "sqlite:") {
			return "", fault.New(fault.Invalid, "open store: a SQLite file of its own cannot be named: it is "+RowsFile+" in the data directory").
				WithHint("leave the store's URL away, or name a PostgreSQL database: postgres://USER:PASSWORD@HOST:PORT/DATABASE")
		}
		return url, nil
	}
	name := filepath.Join(s.options.Dir, RowsFile)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) // so that nobody else may read it
	if err != nil {
		return "", fmt.Errorf("open store: %w", err)
	}
	return "sqlite:" + name, f.Close()
}

// resume puts right what the end of an earlier process left, as far as no other may
// be at it.
func (s *Server) resume(ctx context.Context) error {
	if !s.options.WorkOnly {
		if err := s.introduceAdmin(ctx); err != nil {
			return err
		}
	}
	if err := s.register(ctx); err != nil || s.shared {
		return err
	}
	n, err := s.queue.TakeAll(ctx)
	if err != nil {
		return err
	}
	mended, err := s.queue.Mend(ctx)
	if err != nil {
		return err
	}
	if n+mended > 0 {
		s.log.InfoContext(ctx, "work resumed", "interrupted", n, "mended", mended)
	}
	if n > 0 {
		s.noteService(ctx, wire.EventServiceOrphaned, "the server had been stopped at work, which was put back into the queue", map[string]any{"images": n})
	}
	return nil
}

// Run works off the queue and keeps house until ctx ends. Then it claims nothing
// more, waits Options.Grace for what runs, and puts the rest back into the queue.
// It returns nil when all is settled.
func (s *Server) Run(ctx context.Context) error {
	if s.shared {
		s.waits("it takes no work before it has looked for the vulnerability database")
	}
	var all, last sync.WaitGroup
	all.Go(func() { s.keepHouse(ctx) })
	all.Go(func() { s.keepLeases(ctx) })
	all.Go(func() { s.keepFollowing(ctx) })
	living, end := context.WithCancel(context.WithoutCancel(ctx)) // until running work has ended
	defer end()
	last.Go(func() { s.keepBeating(living) })
	pool := &worker.Pool{
		Queue: s.queue, Name: s.name, Size: s.options.Workers, Ready: s.takesWork, Blameless: s.blobsAway,
		Do: s.process, Heartbeat: s.options.Heartbeat, Poll: s.options.PollInterval,
		Grace: s.options.Grace, Limit: s.options.JobTime, Log: s.log,
		Tracer: s.options.Tracer, Observe: s.metrics.attempt, ObserveStage: s.metrics.stage,
	}
	pool.Run(ctx)
	all.Wait()
	end()
	last.Wait()
	s.leave(context.WithoutCancel(ctx))
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

// now is the time, at the precision of the rows.
// It is that of the store's clock, once that is open.
func (s *Server) now() time.Time {
	now := s.options.Now
	if s.clock != nil {
		now = s.clock.Now
	}
	return now().UTC().Truncate(time.Microsecond)
}

// setClock compares this machine's clock with the store's, by which all processes go.
func (s *Server) setClock(ctx context.Context) error {
	ahead, err := s.clock.Set(ctx)
	if err != nil {
		return fmt.Errorf("ask the store for the time: %w", err)
	}
	off := ahead.Abs() > s.options.LeaseTime/4
	if s.clockOff.Swap(off) != off && off { // told once, not at every look
		s.log.WarnContext(ctx, "this machine's clock is not the database's, which is gone by", "database_ahead", ahead)
	}
	return nil
}
