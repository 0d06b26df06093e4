package importserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// deadFor is how long a process that fell silent stays on the list.
const deadFor = 24 * time.Hour

// nameProcess is a name that no other process has, not even one of the same number in
// another container.
func nameProcess(host string) string {
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), strings.ToLower(rand.Text()[:6]))
}

// Name is what others on the store call this process.
func (s *Server) Name() string { return s.name }

// kind is what others call this process.
func (s *Server) kind() string {
	if s.options.WorkOnly {
		return wire.ProcessWorker
	}
	return wire.ProcessServer
}

// self is this process's row as it is now.
func (s *Server) self(ctx context.Context) store.Process {
	return store.Process{
		Name: s.name, Kind: s.kind(), Host: s.options.Host, PID: os.Getpid(), Version: s.options.Version,
		Capacity: s.options.Workers, Message: s.message(), Database: s.database(ctx).Digest, StartedAt: s.begun, BeatAt: s.now(),
	}
}

// message is what others are told of this process that is not as it should be.
func (s *Server) message() string {
	if why := s.waitsFor(); why != "" || !s.alone.Load() {
		return why
	}
	return neverPublished
}

// neverPublished is what a process says that takes work although something is not as it
// should be.
const neverPublished = "its vulnerability database was never published to other processes, which take no work without it: import it once more"

// register makes this process known. Where the store is its alone, the others are gone.
func (s *Server) register(ctx context.Context) error {
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		if !s.shared {
			if _, err := tx.DropProcesses(ctx, s.begun.AddDate(1000, 0, 0)); err != nil {
				return err
			}
		}
		return tx.BeatProcess(ctx, s.self(ctx))
	})
}

// findBlobs refuses a place for blobs that is nobody's while other processes use the
// store: they have theirs elsewhere.
func (s *Server) findBlobs(ctx context.Context) error {
	owner, err := s.blobs.Owner(ctx)
	if err != nil || owner != "" {
		return err
	}
	others, err := s.store.View().Processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range others {
		if s.lives(p) {
			return fault.New(fault.Conflict, "use the blobs in %s: they are not those of %s, which is on the same store", s.options.Blobs, p.Name).
				WithHint("give all servers and workers on a store the same --blobs: a folder that all of them reach, or s3://BUCKET?region=NAME")
		}
	}
	return nil
}

// keepBeating shows others that this process lives, until ctx ends.
func (s *Server) keepBeating(ctx context.Context) {
	tick := time.NewTicker(s.options.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.beatNow:
		}
		s.chore(ctx, "show that this process lives", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, s.options.LeaseTime)
			defer cancel()
			row := s.self(ctx)
			return s.store.InTx(ctx, func(tx *store.Tx) error { return tx.BeatProcess(ctx, row) })
		})
	}
}

// leave takes this process off the list.
func (s *Server) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := s.store.InTx(ctx, func(tx *store.Tx) error { return tx.DropProcess(ctx, s.name) })
	if err != nil {
		s.log.WarnContext(ctx, "this process stays on the list of processes until it is found to be silent", "error", err)
	}
	s.noteService(ctx, wire.EventServiceDown, "the "+s.kind()+" ended as it was told to", map[string]any{"process": s.name})
}

// lives tells whether a process has shown that it lives for as long as its leases are
// believed.
func (s *Server) lives(p store.Process) bool {
	return p.Name == s.name || !p.BeatAt.Before(s.now().Add(-s.options.LeaseTime))
}

// takes tells whether a process takes work: this one now, another as it showed last.
// That this one's blobs are away is told apart.
func (s *Server) takes(p store.Process) bool {
	why := p.Message
	if p.Name == s.name {
		why = s.awaits()
	}
	return p.Capacity > 0 && (why == "" || why == neverPublished)
}

// watchProcesses notes which processes fell silent, and forgets those that did so long ago.
func (s *Server) watchProcesses(ctx context.Context) error {
	now := s.now()
	var silent, gone []store.Process
	err := s.store.InTx(ctx, func(tx *store.Tx) (err error) {
		if silent, err = tx.SilentProcesses(ctx, now.Add(-s.options.LeaseTime), now); err != nil {
			return err
		}
		gone, err = tx.DropProcesses(ctx, now.Add(-deadFor))
		return err
	})
	for _, p := range silent {
		s.log.WarnContext(ctx, "a process fell silent", "process", p.Name, "kind", p.Kind, "last", p.BeatAt)
		s.noteService(ctx, wire.EventServiceDown, "the "+p.Kind+" fell silent", map[string]any{"process": p.Name, "last_beat": p.BeatAt})
	}
	for _, p := range gone {
		s.noteService(ctx, wire.EventServiceRemoved, "the "+p.Kind+" has been silent for long, and is taken off the list", map[string]any{"process": p.Name})
	}
	return err
}
