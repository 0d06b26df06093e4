// Package worker claims work and runs the function it was given for each item,
// keeping the lease alive meanwhile.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/stage"
	"github.com/tidepole/tidepole/importserver/queue"
)

// Pool works off a queue, several items at once. All fields but Deaf, Tracer and
// the observers are required.
type Pool struct {
	Queue     *queue.Queue
	Name      string // of this process's workers, for the images' history
	Size      int    // items at once
	Do        func(ctx context.Context, l *queue.Lease, progress func(string)) error
	Heartbeat time.Duration
	Poll      time.Duration // how often to look for work that nobody announced
	Grace     time.Duration // how long running work may go on once the context ended
	Limit     time.Duration // the longest that one item may take
	Deaf      time.Duration // how long work that was cancelled may go on: 5 s
	Log       *slog.Logger
	// Ready tells whether work may be claimed; nil where it always may. Who changes
	// that announces it to the queue.
	Ready func() bool
	// Blameless tells whether an attempt failed because what the server itself needs is
	// not there, so that it says nothing of the image; nil where that is never so. It
	// is not asked about what another attempt cannot help.
	Blameless func(context.Context, error) bool
	Tracer    trace.Tracer
	// Observe is told the end of every attempt: the stage that it began with, and
	// one of Done, Failed, Lost and GivenBack. ObserveStage is told that of every
	// stage that it went through.
	Observe      func(stage, outcome string, took time.Duration)
	ObserveStage func(stage string, took time.Duration)
}

// errDrained ends work that the grace period was too short for.
var errDrained = errors.New("the worker is shutting down")

// Run works until ctx ends. Then it claims nothing more, lets running work go on
// for the grace period, and gives the rest back to the queue before it returns.
func (p *Pool) Run(ctx context.Context) {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var running sync.WaitGroup
	p.claimAll(ctx, func(l *queue.Lease) { p.attempt(work, l) }, &running)
	drained := time.AfterFunc(p.Grace, func() { stop(errDrained) })
	defer drained.Stop()
	running.Wait()
}

// claimAll hands out work as long as there is a free place, until ctx ends.
func (p *Pool) claimAll(ctx context.Context, attempt func(*queue.Lease), running *sync.WaitGroup) {
	places := make(chan struct{}, p.Size)
	poll := time.NewTicker(p.Poll)
	defer poll.Stop()
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		l, err := p.claim(ctx)
		if err != nil && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "claim work", "error", err)
		}
		if l == nil {
			<-places
			select {
			case <-p.Queue.Wake():
			case <-poll.C:
			case <-ctx.Done():
				return
			}
			continue
		}
		running.Add(1)
		go func() {
			defer func() { <-places; running.Done() }()
			attempt(l)
		}()
	}
}

// claim takes the next item, if any may be taken.
func (p *Pool) claim(ctx context.Context) (*queue.Lease, error) {
	if p.Ready != nil && !p.Ready() {
		return nil, nil
	}
	return p.Queue.Claim(ctx, p.Name)
}

// attempt runs one item and settles it.
func (p *Pool) attempt(ctx context.Context, l *queue.Lease) {
	ctx, a := p.begin(ctx, l)
	p.Log.InfoContext(ctx, "work start")
	err := p.run(ctx, l, &a.stages)
	a.end(ctx, err)
	took := time.Since(a.begun)
	// The settlement must not be cut short by what ended the work.
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	switch Outcome(err) {
	case Done:
		p.Log.InfoContext(ctx, "work done", "took", took)
		return
	case Lost:
		p.Log.WarnContext(ctx, "lease lost", "took", took)
		return
	case GivenBack:
		p.Log.InfoContext(ctx, "work given back", "took", took)
		err = l.Release(settle, errDrained.Error())
	case Failed:
		blameless := p.Blameless != nil && !queue.Permanent(err) && p.Blameless(settle, err)
		p.Log.ErrorContext(ctx, "work failed", "error", err, "took", took, "counts", !blameless)
		if blameless {
			err = l.PutOff(settle, err)
		} else {
			err = l.Fail(settle, err)
		}
	}
	if err != nil && !errors.Is(err, queue.ErrLost) {
		p.Log.ErrorContext(ctx, "settle work", "error", err) // the lease will expire
	}
}

// run calls Do while the lease holds, within the time limit. Its error is the
// reason why the work was cancelled where it was.
func (p *Pool) run(ctx context.Context, l *queue.Lease, stages *stage.Watch) error {
	ctx, stop := context.WithCancelCause(ctx)
	late := fault.New(fault.Unavailable, "it took longer than %s", p.Limit)
	timer := time.AfterFunc(p.Limit, func() { stop(late) })
	defer timer.Stop()
	var doing atomic.Value
	doing.Store("")
	var beating sync.WaitGroup
	beating.Add(1)
	go func() {
		defer beating.Done()
		p.beat(ctx, l, &doing, stop)
	}()
	done := make(chan error, 1)
	go func() { done <- p.protected(ctx, l, func(what string) { doing.Store(what); stages.See(what) }) }()
	err := p.outcome(ctx, done)
	cause := context.Cause(ctx)
	stop(nil)
	beating.Wait()
	if err != nil && cause != nil {
		return cause
	}
	return err
}

// outcome waits for work to end. Work that does not heed its cancellation is left
// to itself: without the lease it can write nothing.
func (p *Pool) outcome(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	deaf := time.NewTimer(cmp.Or(p.Deaf, 5*time.Second))
	defer deaf.Stop()
	select {
	case err := <-done:
		return err
	case <-deaf.C:
		p.Log.ErrorContext(ctx, "work does not heed its cancellation")
		return context.Cause(ctx)
	}
}

// protected calls Do and makes an error of a panic, so that one image cannot
// take the others down.
func (p *Pool) protected(ctx context.Context, l *queue.Lease, progress func(string)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p.Log.ErrorContext(ctx, "work panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", v)
		}
	}()
	return p.Do(ctx, l, progress)
}

// tellEvery is how soon those who look see what is being done, where that is something
// else by then than before.
const tellEvery = time.Second

// beat keeps the lease alive until ctx ends, and ends the work when the lease is
// lost. A store that does not answer is tried again until the lease must be over.
func (p *Pool) beat(ctx context.Context, l *queue.Lease, doing *atomic.Value, stop context.CancelCauseFunc) {
	tick := time.NewTicker(p.Heartbeat)
	defer tick.Stop()
	turn := time.NewTicker(tellEvery)
	defer turn.Stop()
	last, stale, told := time.Now(), p.Queue.Rechecked(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-stale:
		case <-turn.C:
			if doing.Load().(string) == told {
				continue
			}
		}
		stale = p.Queue.Rechecked() // before it is looked, so that none is missed
		now := doing.Load().(string)
		err := l.Beat(ctx, now)
		switch {
		case err == nil:
			last, told = time.Now(), now
		case ctx.Err() != nil:
			return
		case errors.Is(err, queue.ErrLost) && l.Finishing(): // by its own end, it seems
		case errors.Is(err, queue.ErrLost), time.Since(last) > p.Queue.LeaseTime:
			stop(queue.ErrLost)
			return
		default:
			p.Log.WarnContext(ctx, "keep the lease", "error", err)
		}
	}
}
