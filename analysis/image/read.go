package image

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Reading is how Image.Read goes about it.
type Reading struct {
	// AtOnce is how many layers are read at the same time; 0 is as many as there
	// are processors, and 8 at most. Each takes up to 2 MiB, and the window of zstd.
	AtOnce int

	// Have tells which layers need not be read; nil: none. A layer that it has is
	// not opened where the source allows.
	Have func(diffID string) bool

	// Layer reads a layer. It is called once for each distinct diff ID not had,
	// from several goroutines; by a daemon's image also for layers that turn out
	// to be another's, or to be there twice. What it leaves is read to the end, so
	// that a layer not verified is an error of Read in any case. Its own error
	// ends the reading.
	Layer func(ctx context.Context, l Stream) error

	Remember Memory // may be nil
}

// Stream is the tar stream of one layer. The Read that reaches the end fails if
// a digest is not as it should be, and before that if a limit is passed, the
// sender breaks off or the context ends.
type Stream interface {
	io.Reader
	Abandon()       // has a Read that waits, and all after it, fail: for who reads no more of it
	DiffID() string // certain after io.EOF; "" before it where an export does not tell
}

// Memory remembers what reading an image told of it, so that it need not be read
// again if all of its layers are had. It may forget. What it gives is verified.
type Memory interface {
	Get(key string) ([]byte, bool)
	Put(key string, data []byte)
}

// Read reads the layers that are not had, several at once, and completes
// Identity. Errors are faults, those of Layer, or the context's.
//
// The largest are read first: one that is long and left to the end would have
// the other processors wait. A daemon decides itself what comes when.
func (i *Image) Read(ctx context.Context, r Reading) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(i.ctx, func() { cancel(cmp.Or(context.Cause(i.ctx), os.ErrClosed)) })
	defer stop()
	err := i.read(ctx, newPass(i.visit, r))
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // what it broke is of no interest
	}
	var own callerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	}
	return within("read "+i.visit.shown()+" from "+i.Source, err)
}

// mostAtOnce bounds how many layers are read at the same time where nothing else
// is asked for: beyond that memory would grow with processors, and hardly the speed.
const mostAtOnce = 8

// pass is one reading of an image.
type pass struct {
	Reading
	visit *visit
	wide  chan struct{} // see stream

	mu    sync.Mutex
	sizes map[v1.Hash]int64 // of the layers that were read, unpacked
}

func newPass(v *visit, r Reading) *pass {
	if r.AtOnce <= 0 {
		r.AtOnce = min(runtime.GOMAXPROCS(0), mostAtOnce)
	}
	if r.Have == nil {
		r.Have = func(string) bool { return false }
	}
	return &pass{Reading: r, visit: v, wide: make(chan struct{}, 1), sizes: map[v1.Hash]int64{}}
}

// each has layers read that can be read in any order.
func (p *pass) each(ctx context.Context, all []*layer, do func(context.Context, Stream) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.AtOnce)
	for _, l := range all {
		group.Go(func() error { return p.layer(ctx, l, do) })
	}
	return group.Wait()
}

// unread are the layers still to be read, each once, the largest first.
func (p *pass) unread(all []*layer) []*layer {
	todo := slices.DeleteFunc(distinct(all), func(l *layer) bool {
		_, read := p.sizes[l.diffID]
		return read || p.Have(l.diffID.String())
	})
	slices.SortStableFunc(todo, func(a, b *layer) int { return cmp.Compare(b.desc.Size, a.desc.Size) })
	return todo
}

// distinct are layers, each once.
func distinct(all []*layer) []*layer {
	seen := map[v1.Hash]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(l *layer) bool {
		again := seen[l.diffID]
		seen[l.diffID] = true
		return again
	})
}

// layer has one layer read from where it lies.
func (p *pass) layer(ctx context.Context, l *layer, do func(context.Context, Stream) error) error {
	ctx, cancel := context.WithCancel(ctx) // for what is still being fetched
	defer cancel()
	from, err := l.stored(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	s := &stream{
		what: "layer " + l.desc.Digest.String(), want: l.diffID, wide: p.wide,
		spend: func(n int64) error { return l.budget.spend(l.index, n) },
	}
	fetch, err := s.start(ctx, from)
	if err != nil {
		return l.blame(from, err)
	}
	defer func() {
		cancel() // unblocks fetch
		s.close()
	}()
	go fetch()
	return p.have(ctx, s, do)
}

// have has a stream read to its end. What is wrong with the stream says more
// than what came of it in the hands of whoever read it.
func (p *pass) have(ctx context.Context, s *stream, do func(context.Context, Stream) error) error {
	failed := do(ctx, s)
	if failed != nil {
		if err := s.fault(); err != nil {
			return err
		}
		return callerError{failed}
	}
	if err := s.finish(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes[s.diffID] = s.size
	return nil
}

// callerError is what Layer said.
type callerError struct{ error }
