package layers

import (
	"context"
	"sync"
	"sync/atomic"
)

// blockSize is how many bytes of content are packed, and unpacked, at once.
const blockSize = 256 << 10

// slab is a piece of memory that several goroutines read, once it was filled.
type slab struct {
	data [blockSize]byte
	used int          // bytes that are filled; for who fills it
	firm int          // of them, those that packing would hardly pay for; likewise
	refs atomic.Int32 // who holds it
	home *shelf
}

var slabs = sync.Pool{New: func() any { return new(slab) }}

// shelf bounds the slabs that are out at the same time.
type shelf struct{ out chan struct{} }

func newShelf(most int) *shelf { return &shelf{make(chan struct{}, most)} }

// take waits for an empty slab, which its taker holds.
func (s *shelf) take(ctx context.Context) (*slab, error) {
	select {
	case s.out <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	b := slabs.Get().(*slab)
	b.home, b.used, b.firm = s, 0, 0
	b.refs.Store(1)
	return b, nil
}

func (b *slab) hold() { b.refs.Add(1) }

// drop puts the slab back when nobody holds it any longer.
func (b *slab) drop() {
	if b.refs.Add(-1) > 0 {
		return
	}
	home := b.home
	b.home = nil
	slabs.Put(b)
	<-home.out
}
