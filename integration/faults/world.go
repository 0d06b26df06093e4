package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/client"
)

// Options say what is run, and for how long.
type Options struct {
	Program   string
	Databases []string
	Dir       string // holds everything
	Seed      uint64
	Steps     int
	For       time.Duration
	Round     int
	Images    int
	Servers   int // with more than one, or with workers, PostgreSQL and an object store are theirs together
	Workers   int // processes that work for the servers
	Bound     time.Duration
	Verbose   bool
}

// How patient the processes are; short, so that much happens.
const (
	leaseTime = 2 * time.Second
	blobAge   = 2 * time.Second
	password  = "only-for-these-runs"
	requests  = 6 // under way at once
)

// World is all that takes part in a run.
type World struct {
	Options
	random  *rand.Rand
	figures *Figures
	disk    *disk
	shop    *registry
	pulls   *proxy // from the server to the registry
	front   *proxy // from clients to the server
	servers []*process

	// Where rows and blobs are elsewhere than in the folder of the one server.
	rowStore *postgres
	rowLine  *proxy // from servers to the database
	bucket   *bucket
	blobLine *proxy // from servers to the object store

	client *client.Client // by way of front
	direct *client.Client
	images []*image

	noClock  string // why no clock can be set; "" where they can
	database known  // its digest
	policy   known  // the active one's id

	places  chan struct{}
	asking  sync.WaitGroup
	undo    []undo
	began   time.Time
	mending time.Time // when the last round's mishaps were over
	next    int       // the database to import
}

// undo is the end of a mishap.
type undo struct {
	what string
	at   time.Time
	do   func() error
}

// Run takes the steps, and gives the figures also where something did not hold.
func Run(ctx context.Context, o Options) (*Figures, error) {
	w := &World{Options: o, random: rand.New(rand.NewPCG(o.Seed, 0)), figures: newFigures(o.Seed), places: make(chan struct{}, requests)}
	err := w.open(ctx)
	if err == nil {
		err = w.rounds(ctx)
	}
	if err != nil {
		for _, p := range w.servers {
			p.signal(syscall.SIGQUIT) // its log has then what it was doing
		}
	}
	w.figures.Took = time.Since(w.began).Round(time.Millisecond)
	return w.figures, errors.Join(err, w.close())
}

func (w *World) open(ctx context.Context) error {
	w.began = time.Now()
	var err error
	if w.disk, err = openDisk(filepath.Join(w.Dir, "disk")); err != nil {
		return err
	}
	if w.disk.why != "" {
		w.say("SKIPPED the full disk: %s", w.disk.why)
	}
	if w.noClock = clocksJump(w.Program); w.noClock != "" {
		w.say("SKIPPED clocks that jump: %s", w.noClock)
	}
	if w.shop, err = openRegistry(); err != nil {
		return err
	}
	if w.pulls, err = openProxy(w.shop.host); err != nil {
		return err
	}
	if w.front, err = openProxy(""); err != nil {
		return err
	}
	if err := w.stock(ctx); err != nil {
		return err
	}
	if w.Servers > 1 || w.Workers > 0 {
		if err := w.spread(ctx); err != nil {
			return err
		}
	}
	servers := max(w.Servers, 1)
	for n := range servers + w.Workers {
		p := newProcess(w, fmt.Sprintf("server-%d", n))
		if n >= servers {
			p.name, p.works = fmt.Sprintf("worker-%d", n-servers), true
		}
		if n > 0 {
			if err := p.share(w.servers[0], "registry-key"); err != nil {
				return err
			}
		}
		w.servers = append(w.servers, p)
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	if w.client, err = w.connect(w.front.address(), nil); err != nil {
		return err
	}
	if w.direct, err = w.connect(w.servers[0].address, nil); err != nil {
		return err
	}
	if err := w.policies(ctx); err != nil || len(w.Databases) == 0 {
		return err
	}
	digest, err := w.load(ctx, w.direct)
	w.database.settle(digest)
	return err
}

// spread starts what several servers have in common.
func (w *World) spread(ctx context.Context) error {
	var err error
	if w.rowStore, err = openPostgres(ctx); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if w.rowLine, err = openProxy(w.rowStore.address); err != nil {
		return err
	}
	if w.bucket, err = openBucket(ctx, filepath.Join(w.Dir, "objects")); err != nil {
		return err
	}
	w.blobLine, err = openProxy(w.bucket.host())
	return err
}

func (w *World) connect(address string, notify func(client.Notice)) (*client.Client, error) {
	temp := filepath.Join(w.Dir, "client")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, err
	}
	return client.New(client.Options{
		URL: (&url.URL{Scheme: "http", Host: address}).String(), Username: "admin", Password: password,
		TempDir: temp, Timeout: 3 * time.Second, Notify: notify,
		Retry: client.Retry{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond, Call: 2 * time.Second, Import: 4 * time.Second},
	})
}

// rounds goes wrong, mends, and looks, again and again.
func (w *World) rounds(ctx context.Context) error {
	for w.figures.Steps < w.Steps && time.Since(w.began) < w.For {
		for range min(w.Round, w.Steps-w.figures.Steps) {
			if err := w.step(ctx); err != nil {
				return err
			}
		}
		if err := w.mend(ctx); err != nil {
			return err
		}
		if err := w.look(ctx); err != nil {
			return err
		}
		w.figures.Rounds++
		w.say("round %d: %d steps, %s", w.figures.Rounds, w.figures.Steps, time.Since(w.began).Round(time.Second))
	}
	return w.farewell(ctx)
}

// step does one thing that was drawn, after a while.
func (w *World) step(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(w.random.IntN(80)) * time.Millisecond):
	}
	if err := w.undoDue(time.Now()); err != nil {
		return err
	}
	if err := w.restart(ctx, time.Now()); err != nil {
		return err
	}
	a := w.draw()
	w.figures.Steps++
	if w.Verbose {
		w.say("%s", a.name)
	}
	done, err := a.do(w, ctx)
	if err != nil {
		return fmt.Errorf("step %d, %s: %w", w.figures.Steps, a.name, err)
	}
	if done {
		w.figures.Did[a.name]++
	}
	return nil
}

// during does a mishap now, and ends it after a while.
func (w *World) during(what string, longest time.Duration, do, end func() error) error {
	if err := do(); err != nil {
		return err
	}
	w.undo = append(w.undo, undo{what, time.Now().Add(time.Duration(w.random.Int64N(int64(longest)))), end})
	return nil
}

func (w *World) undoDue(now time.Time) error {
	var rest []undo
	var errs []error
	for _, u := range w.undo {
		if u.at.After(now) {
			rest = append(rest, u)
		} else if err := u.do(); err != nil {
			errs = append(errs, fmt.Errorf("end of %s: %w", u.what, err))
		}
	}
	w.undo = rest
	return errors.Join(errs...)
}

func (w *World) suffers(what string) bool {
	for _, u := range w.undo {
		if u.what == what {
			return true
		}
	}
	return false
}

func (w *World) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "faults: "+format+"\n", args...)
}

func (w *World) close() error {
	var errs []error
	for _, p := range w.servers {
		errs = append(errs, p.end())
	}
	for _, p := range []*proxy{w.front, w.pulls, w.rowLine, w.blobLine} {
		if p != nil {
			p.close()
		}
	}
	if w.shop != nil {
		w.shop.close()
	}
	if w.bucket != nil {
		errs = append(errs, w.bucket.close())
	}
	if w.rowStore != nil {
		errs = append(errs, w.rowStore.close())
	}
	if w.disk != nil {
		errs = append(errs, w.disk.close())
	}
	return errors.Join(errs...)
}
