package main

import (
	"context"
	"debug/buildinfo"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What keeps a server from starting while it lasts.
const (
	fullDisk   = "full disk"
	noDatabase = "no database"
	illBucket  = "ill object store"
	silentness = "silent object store"
	noBucket   = "no object store"
)

// hard tells whether a server need not come up now.
func (w *World) hard() bool {
	return w.suffers(noDatabase) || w.suffers(illBucket) || w.suffers(silentness) || w.suffers(noBucket) ||
		w.suffers("slow database") || w.suffers("slow object store")
}

// apart is an action that there is only where rows and blobs are elsewhere.
func apart(do func(*World, context.Context) (bool, error)) func(*World, context.Context) (bool, error) {
	return func(w *World, ctx context.Context) (bool, error) {
		if w.rowStore == nil {
			return false, nil
		}
		return do(w, ctx)
	}
}

// endDatabase ends the database with a signal, for a while.
func endDatabase(s syscall.Signal) func(*World, context.Context) (bool, error) {
	return apart(func(w *World, ctx context.Context) (bool, error) {
		if w.suffers(noDatabase) {
			return false, nil
		}
		return true, w.during(noDatabase, 2*time.Second, func() error { return w.rowStore.end(s) },
			func() error { return w.rowStore.start(ctx) })
	})
}

// endBucket kills the object store, for a while.
func (w *World) endBucket(ctx context.Context) (bool, error) {
	if w.suffers(noBucket) {
		return false, nil
	}
	return true, w.during(noBucket, 2*time.Second, w.bucket.kill, func() error { return w.bucket.start(ctx) })
}

// cut and half are mishaps of a proxy's that are over at once.
func cut(of func(*World) *proxy) func(*World, context.Context) (bool, error) {
	return func(w *World, _ context.Context) (bool, error) {
		of(w).cutAll()
		return true, nil
	}
}

func half(of func(*World) *proxy) func(*World, context.Context) (bool, error) {
	return func(w *World, _ context.Context) (bool, error) {
		of(w).halfClose(w.random.IntN(2) == 0)
		return true, nil
	}
}

func slow(what string, of func(*World) *proxy) func(*World, context.Context) (bool, error) {
	return spoil(what, of, func(p *proxy) { p.delay = 250 * time.Millisecond }, func(p *proxy) { p.delay = 0 })
}

func toClients(w *World) *proxy  { return w.front }
func toRegistry(w *World) *proxy { return w.pulls }
func toRows(w *World) *proxy     { return w.rowLine }
func toBlobs(w *World) *proxy    { return w.blobLine }

// spoil is a mishap of a proxy's, for a while.
func spoil(what string, of func(*World) *proxy, begin, end func(*proxy)) func(*World, context.Context) (bool, error) {
	return func(w *World, _ context.Context) (bool, error) {
		if w.suffers(what) {
			return false, nil
		}
		p := of(w)
		return true, w.during(what, 3*time.Second,
			func() error { p.set(begin); return nil }, func() error { p.set(end); return nil })
	}
}

// flagged is a mishap that lasts as long as a flag is set.
func flagged(what string, set func(*World, bool)) func(*World, context.Context) (bool, error) {
	return func(w *World, _ context.Context) (bool, error) {
		if w.suffers(what) {
			return false, nil
		}
		return true, w.during(what, 3*time.Second,
			func() error { set(w, true); return nil }, func() error { set(w, false); return nil })
	}
}

// clocksJump tells why the program's clock cannot be set; "" where it can.
func clocksJump(program string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err.Error()
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" && slices.Contains(strings.Split(s.Value, ","), "faults") {
			return ""
		}
	}
	return "the program was not built with the tag faults"
}

// jump sets the clock of a server or worker forward or back, for a while.
func (w *World) jump(context.Context) (bool, error) {
	p := w.servers[w.random.IntN(len(w.servers))]
	off := []time.Duration{time.Hour, -time.Hour, 2 * leaseTime, -2 * leaseTime}[w.random.IntN(4)]
	what := "wrong clock of " + p.name
	if w.noClock != "" || w.suffers(what) {
		return false, nil
	}
	return true, w.during(what, 3*time.Second,
		func() error { return p.setClock(off) }, func() error { return p.setClock(0) })
}

func (w *World) fill(context.Context) (bool, error) {
	if w.disk.why != "" || w.suffers(fullDisk) {
		return false, nil
	}
	return true, w.during(fullDisk, 3*time.Second, w.disk.fill, w.disk.free)
}
