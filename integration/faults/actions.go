package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// action is one thing that may happen. do tells whether it did.
type action struct {
	name   string
	weight int
	do     func(*World, context.Context) (bool, error)
}

// actions are all things that may happen: first what users do, then what goes wrong.
var actions = []action{
	{"add", 20, request(add, true, false)},
	{"force", 8, request(add, true, true)},
	{"import", 8, request(bring, true, false)},
	{"import again", 3, request(bring, true, true)},
	{"delete", 3, request(remove, false, false)},
	{"delete with force", 4, request(remove, false, true)},
	{"cancel", 4, (*World).cancel},
	{"retry", 3, (*World).retry},
	{"list", 2, (*World).list},
	{"database", 1, (*World).renew},
	{"policy", 1, (*World).activate},

	{"kill a server or worker", 3, (*World).kill},
	{"end a server or worker", 2, (*World).terminate},
	{"stop a server or worker", 2, (*World).freeze},
	{"set a clock", 2, (*World).jump},
	{"start a second one on the same folder", 1, (*World).intrude},
	{"fill the disk", 1, (*World).fill},
	{"cut clients off", 1, cut(toClients)},
	{"half close clients", 1, half(toClients)},
	{"slow clients down", 1, slow("slow clients", toClients)},
	{"cut the registry off", 3, cut(toRegistry)},
	{"half close the registry", 2, half(toRegistry)},
	{"slow the registry down", 2, slow("slow registry", toRegistry)},
	{"refuse to reach the registry", 2, spoil("no registry", toRegistry,
		func(p *proxy) { p.refuse = true }, func(p *proxy) { p.refuse = false })},
	{"errors of the registry", 2, flagged("ill registry", func(w *World, on bool) { w.shop.ill.Store(on) })},

	{"kill the database", 2, endDatabase(syscall.SIGKILL)},
	{"restart the database", 2, endDatabase(syscall.SIGINT)},
	{"cut the database off", 3, apart(cut(toRows))},
	{"half close the database", 2, apart(half(toRows))},
	{"slow the database down", 1, apart(slow("slow database", toRows))},
	{"kill the object store", 2, apart((*World).endBucket)},
	{"cut the object store off", 3, apart(cut(toBlobs))},
	{"half close the object store", 2, apart(half(toBlobs))},
	{"slow the object store down", 1, apart(slow("slow object store", toBlobs))},
	{"errors of the object store", 2, apart(flagged(illBucket, func(w *World, on bool) { w.bucket.ill.Store(on) }))},
	{"silence of the object store", 2, apart(flagged(silentness, func(w *World, on bool) { w.bucket.silent.Store(on) }))},
}

// draw chooses an action by its weight.
func (w *World) draw() action {
	sum := 0
	for _, a := range actions {
		sum += a.weight
	}
	n := w.random.IntN(sum)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			return a
		}
	}
	panic("weights do not add up")
}

// gone ends a server, which comes back after a while.
func (w *World) gone(end func(*process) error) (bool, error) {
	p := w.servers[w.random.IntN(len(w.servers))]
	if !p.up() || p.stopped {
		return false, nil
	}
	p.back = time.Now().Add(time.Duration(w.random.Int64N(int64(time.Second))))
	return true, end(p)
}

// restart starts those servers whose time has come. On a full disk they need not
// come up, and without database or object store they are not asked to.
func (w *World) restart(ctx context.Context, now time.Time) error {
	for _, p := range w.servers {
		if p.up() || p.back.After(now) || w.hard() {
			continue
		}
		err := p.start(ctx)
		if err != nil && !w.suffers(fullDisk) {
			return err
		}
		if err != nil {
			w.figures.Did["a server did not start on a full disk"]++
			p.back = time.Now().Add(time.Second)
		}
	}
	return nil
}

func (w *World) kill(context.Context) (bool, error) { return w.gone((*process).kill) }

func (w *World) terminate(context.Context) (bool, error) {
	return w.gone(func(p *process) error { return p.signal(syscall.SIGTERM) })
}

// freeze stops a server, at times until its leases have run out.
func (w *World) freeze(context.Context) (bool, error) {
	p := w.servers[w.random.IntN(len(w.servers))]
	if !p.up() || p.stopped {
		return false, nil
	}
	return true, w.during("stopped server", 2*leaseTime,
		func() error { p.stop(); return nil }, func() error { p.thaw(); return nil })
}

// intrude starts a second server on the same data, which must be refused.
func (w *World) intrude(ctx context.Context) (bool, error) {
	p := w.servers[w.random.IntN(len(w.servers))]
	if !p.up() || w.suffers(fullDisk) || w.hard() {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.Program, append(p.arguments("127.0.0.1:0"), "--ready-file", p.path("second"))...)
	cmd.Env = w.environment(p.temp())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another server uses it") {
		return false, errors.Join(errors.New("a second process on the same data was not refused: "+string(out)), err)
	}
	return true, nil
}
