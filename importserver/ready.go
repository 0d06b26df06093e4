package importserver

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	probeTime  = 2 * time.Second        // how long a look may take
	probeSlack = 200 * time.Millisecond // in which it says that it took longer
	probeAge   = time.Second            // how long what was found is told
	writeTime  = 30 * time.Second       // how long one transaction may keep the next from writing
)

// probe looks at one thing that the server needs.
type probe struct {
	name     string
	required bool
	wrong    string // what whoever asks is told: the log says more
	look     func(context.Context) error

	busy atomic.Bool
	ill  atomic.Bool // when it was last looked at
}

// readiness is what was found last. However many ask, one looks.
type readiness struct {
	probes []*probe
	write  atomic.Int64 // writeTime, in nanoseconds
	blobs  *probe       // one of them
	lock   sync.Mutex
	at     time.Time
	last   wire.Readiness
}

func newReadiness(s *Server) *readiness {
	blobs := &probe{name: "blobs", required: true, wrong: "the blob store cannot be reached", look: func(ctx context.Context) error { return s.blobs.Reach(ctx, s.installation) }}
	r := &readiness{blobs: blobs, probes: []*probe{
		{name: "store", required: true, wrong: "the database does not take a write", look: s.tryWrite},
		blobs,
		// A server without these two still takes evidence in and answers questions: it is
		// how they come to be there.
		{name: "database", wrong: "there is no vulnerability database", look: s.seeDatabase},
		{name: "workers", wrong: "no process that takes work is alive", look: s.seeWorkers},
	}}
	r.write.Store(int64(writeTime))
	return r
}

// tryWrite writes to the rows what nobody reads. That it does not get its turn is no
// fault as long as another transaction of this process may well be writing.
func (s *Server) tryWrite(ctx context.Context) error {
	err := s.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.SetSetting(ctx, "written", s.now().Format(time.RFC3339Nano))
	})
	var busy *store.Busy
	if errors.As(err, &busy) && errors.Is(err, context.DeadlineExceeded) && busy.For < time.Duration(s.ready.write.Load()) {
		return nil
	}
	return err
}

func (s *Server) seeDatabase(ctx context.Context) error {
	if d := s.database(ctx); !d.Present {
		return fault.New(fault.NotFound, "%s", d.Error)
	}
	return nil
}

// seeWorkers looks for a process that takes work and has shown that it lives.
func (s *Server) seeWorkers(ctx context.Context) error {
	all, err := s.store.View().Processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if s.takes(p) && !p.BeatAt.Before(s.now().Add(-s.options.LeaseTime)) {
			return nil
		}
	}
	return errors.New("all are silent, or take no work")
}

// Ready is whether the server can do what it is for, as found at most probeAge ago.
func (s *Server) Ready() wire.Readiness {
	r := s.ready
	r.lock.Lock()
	defer r.lock.Unlock()
	if time.Since(r.at) > probeAge {
		r.last, r.at = s.probe(), time.Now()
	}
	return r.last
}

// probe looks at everything at once.
func (s *Server) probe() wire.Readiness {
	found := wire.Readiness{Ready: true, Checks: make([]wire.ReadinessCheck, len(s.ready.probes))}
	var all sync.WaitGroup
	for i, p := range s.ready.probes {
		all.Go(func() { found.Checks[i] = s.look(p) })
	}
	all.Wait()
	for _, c := range found.Checks {
		found.Ready = found.Ready && (c.OK || !c.Required)
	}
	return found
}

// look looks at one thing. What is not seen in time is taken for ill, and is not looked
// at again before the look comes back: nothing piles up.
func (s *Server) look(p *probe) wire.ReadinessCheck {
	c := wire.ReadinessCheck{Name: p.name, Required: p.required, OK: true}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(s.life, probeTime)
	defer cancel()
	err := errors.New("an earlier look has not come back")
	if p.busy.CompareAndSwap(false, true) {
		seen := make(chan error, 1)
		s.background.Go(func() {
			err := p.look(ctx)
			p.busy.Store(false) // before the answer, after which the next look may follow at once
			seen <- err
		})
		late := time.NewTimer(probeTime + probeSlack)
		defer late.Stop()
		select {
		case err = <-seen:
		case <-late.C:
			err = context.DeadlineExceeded
		}
	}
	c.Seconds = time.Since(begun).Seconds()
	if err != nil {
		c.OK, c.Reason = false, p.wrong
	}
	if p.ill.Swap(err != nil) != (err != nil) { // told once, not every second
		if err != nil {
			s.log.WarnContext(ctx, "not ready", "check", p.name, "required", p.required, "error", err)
		} else {
			s.log.InfoContext(ctx, "ready again", "check", p.name)
		}
	}
	return c
}

// blobsAway tells whether the blobs are out of reach after an attempt failed, which then
// is taken for no fault of the image, whatever the error says: what went through another
// process or a parser does not tell where it came from. From then on no work is taken
// until they are back, so that this is seldom for one image; Lease.PutOff bounds it.
func (s *Server) blobsAway(context.Context, error) bool {
	s.ready.lock.Lock() // one look at a time: who finds another under way takes it for ill
	defer s.ready.lock.Unlock()
	return !s.look(s.ready.blobs).OK
}

// takesWork tells whether this process may take work. Where the blobs were not to be
// reached the last time, it looks again.
func (s *Server) takesWork() bool {
	if p := s.ready.blobs; p.ill.Load() {
		s.ready.lock.Lock()
		s.look(p)
		s.ready.lock.Unlock()
	}
	return s.waitsFor() == ""
}

func getReady(a *Account, w http.ResponseWriter, r *http.Request) error {
	found := a.server.Ready()
	strict, _ := strconv.ParseBool(r.URL.Query().Get("strict"))
	code := http.StatusOK
	for _, c := range found.Checks {
		if !c.OK && (c.Required || strict) {
			code = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, code, found)
}
