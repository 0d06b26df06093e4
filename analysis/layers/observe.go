package layers

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Observer is shown every regular file that is not empty, whiteouts aside. The
// entry has no digest yet. It is called from many goroutines, need not read
// everything, and keeps to itself what goes wrong; r is valid during the call,
// ends with an error where the file could not be read to its end, and is an
// io.WriterTo that copies nothing: what it writes must not be changed.
type Observer func(e Entry, ordinal int, r io.Reader)

const (
	// maxBuffered is the size up to which a file is read whole before it is
	// observed, so that the layer goes on meanwhile; a longer one is observed as
	// it streams by.
	maxBuffered = 1 << 20
	// batchBytes and batchFiles are of small files that are handed over at once.
	batchBytes = 64 << 10
	batchFiles = 64
	// mostWorkers bounds the goroutines that observers of a layer run on, for each
	// holds what a search needs; several layers are read at once.
	mostWorkers = 8
	// streamParts is how far a streamed file may be ahead of its slowest observer.
	streamParts = 3
)

// audience is the observers of one layer, and the goroutines that they run on.
type audience struct {
	observers []Observer
	jobs      chan *batch
	batch     *batch  // being filled
	whole     bool    // the file that is being read is to be shown when it is complete
	parts     []part  // of that file
	flows     []*flow // of a file that is not
	workers   sync.WaitGroup
	streams   sync.WaitGroup

	mu    sync.Mutex
	crash error // of the first that panicked
}

// batch is small files that are complete.
type batch struct {
	files []shown
	parts [][]byte // of all files, one after the other
	slabs []*slab  // that they lie in
	bytes int
}

type shown struct {
	entry   Entry
	ordinal int
	parts   int // of the batch's parts, how many are this file's
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newAudience(ctx context.Context, observers []Observer) *audience {
	a := &audience{observers: observers, jobs: make(chan *batch, 1)}
	for range min(runtime.GOMAXPROCS(0), mostWorkers) {
		a.workers.Go(func() {
			for b := range a.jobs {
				a.work(ctx, b)
			}
		})
	}
	return a
}

func (a *audience) work(ctx context.Context, b *batch) {
	parts := b.parts
	for i := range b.files {
		f := &b.files[i]
		own := parts[:f.parts]
		parts = parts[f.parts:]
		for _, o := range a.observers {
			if ctx.Err() == nil {
				a.show(o, f.entry, f.ordinal, &held{parts: own})
			}
		}
	}
	b.free()
}

func (b *batch) free() {
	for _, s := range b.slabs {
		s.drop()
	}
	clear(b.files)
	clear(b.parts)
	clear(b.slabs)
	*b = batch{files: b.files[:0], parts: b.parts[:0], slabs: b.slabs[:0]}
	batches.Put(b)
}

// show keeps an observer's panic from ending the process.
func (a *audience) show(o Observer, e Entry, ordinal int, r io.Reader) {
	defer func() {
		if p := recover(); p != nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.crash == nil {
				a.crash = fmt.Errorf("search %s: panic: %v", e.Path, p)
			}
		}
	}()
	o(e, ordinal, r)
}

// flush hands over the files that are complete.
func (a *audience) flush() {
	if a.batch != nil {
		a.jobs <- a.batch
		a.batch = nil
	}
}

// leave waits for all observers.
func (a *audience) leave() error {
	if a.batch != nil {
		a.batch.free()
	}
	close(a.jobs)
	a.workers.Wait()
	a.streams.Wait()
	return a.crash
}

// begin announces the file whose content follows.
func (a *audience) begin(e Entry, ordinal int) {
	if a.whole = e.Size <= maxBuffered; a.whole {
		return
	}
	for _, o := range a.observers {
		f := &flow{in: make(chan part, streamParts)}
		a.flows = append(a.flows, f)
		a.streams.Go(func() {
			defer f.leave()
			a.show(o, e, ordinal, f)
		})
	}
}

// add hands over the next bytes of the file, which lie in b.
func (a *audience) add(b *slab, data []byte) {
	if a.whole {
		b.hold()
		a.parts = append(a.parts, part{data, b})
	}
	for _, f := range a.flows {
		b.hold()
		f.in <- part{data, b}
	}
}

// end says how reading the file came out.
func (a *audience) end(e Entry, ordinal int, err error) {
	for _, f := range a.flows {
		if f.err = err; err == nil {
			f.err = io.EOF
		}
		close(f.in)
	}
	switch {
	case !a.whole:
	case err != nil:
		for _, p := range a.parts {
			p.from.drop()
		}
	default:
		if a.batch == nil {
			a.batch = batches.Get().(*batch)
		}
		a.batch.add(e, ordinal, a.parts)
		if a.batch.bytes >= batchBytes || len(a.batch.files) >= batchFiles {
			a.flush()
		}
	}
	clear(a.flows)
	clear(a.parts)
	a.flows, a.parts = a.flows[:0], a.parts[:0]
}

// add takes over the parts of a file.
func (b *batch) add(e Entry, ordinal int, parts []part) {
	b.files = append(b.files, shown{entry: e, ordinal: ordinal, parts: len(parts)})
	for _, p := range parts {
		b.parts = append(b.parts, p.data)
		b.bytes += len(p.data)
		if last := len(b.slabs) - 1; last >= 0 && b.slabs[last] == p.from {
			p.from.drop() // one hold is enough
			continue
		}
		b.slabs = append(b.slabs, p.from)
	}
}

// part is some bytes of a file.
type part struct {
	data []byte
	from *slab
}

// held is a file that is in memory. Its parts are other observers', too.
type held struct {
	parts [][]byte
	at    int // that were read of the first
}

// Read is for one goroutine.
func (h *held) Read(p []byte) (int, error) {
	for len(h.parts) > 0 && h.at == len(h.parts[0]) {
		h.parts, h.at = h.parts[1:], 0
	}
	if len(h.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.parts[0][h.at:])
	h.at += n
	return n, nil
}

// WriteTo gives w the parts themselves.
func (h *held) WriteTo(w io.Writer) (total int64, err error) {
	for ; len(h.parts) > 0; h.parts, h.at = h.parts[1:], 0 {
		if h.at == len(h.parts[0]) {
			continue
		}
		n, err := w.Write(h.parts[0][h.at:])
		h.at += n
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// flow is a file that streams by.
type flow struct {
	in   chan part
	left []byte // of now that is unread
	now  part
	err  error // how the file ended, once in is closed
}

func (f *flow) next() bool {
	if f.now.from != nil {
		f.now.from.drop()
	}
	var ok bool
	f.now, ok = <-f.in
	f.left = f.now.data
	return ok
}

// Read is for one goroutine.
func (f *flow) Read(p []byte) (int, error) {
	for len(f.left) == 0 {
		if !f.next() {
			return 0, f.err
		}
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

// WriteTo gives w the parts themselves.
func (f *flow) WriteTo(w io.Writer) (total int64, err error) {
	for {
		for len(f.left) == 0 {
			if !f.next() {
				if f.err == io.EOF {
					return total, nil
				}
				return total, f.err
			}
		}
		n, err := w.Write(f.left)
		f.left = f.left[n:]
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// leave lets the rest go by of who has seen enough.
func (f *flow) leave() {
	for f.next() {
	}
}
