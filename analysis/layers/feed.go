package layers

import (
	"errors"
	"fmt"
	"io"
)

// feed reads ahead of who reads it, so that both can work at the same time.
type feed struct {
	full  chan *slab
	empty chan *slab
	stop  chan struct{}
	err   error // how the source ended; to be read once full is closed

	rest  []byte // of last that are unread
	last  *slab
	head  []byte // peeked at, in front of rest
	first [sniffed]byte
	ended bool
}

// feedSlabs are what a feed reads ahead: 1 MiB.
const feedSlabs = 4

func newFeed(r io.Reader) *feed {
	f := &feed{full: make(chan *slab, feedSlabs), empty: make(chan *slab, feedSlabs), stop: make(chan struct{})}
	for range feedSlabs {
		f.empty <- slabs.Get().(*slab)
	}
	go f.fill(r)
	return f
}

func (f *feed) fill(r io.Reader) {
	defer close(f.full)
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("panic: %v", p)
		}
	}()
	for {
		var b *slab
		select {
		case b = <-f.empty:
		case <-f.stop:
			return
		}
		n, err := readFull(r, b.data[:])
		b.used, f.err = n, err
		f.full <- b // has room for all there are
		if err != nil {
			return
		}
	}
}

// readFull is io.ReadFull but for its error, which is the reader's own.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; {
		var more int
		more, err = r.Read(p[n:])
		n += more
		if more > 0 {
			idle = 0
		} else if idle++; idle > maxIdle && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// maxIdle is how often in a row a source may read nothing.
const maxIdle = 100

// next makes the next slab the last, and is false at the end.
func (f *feed) next() bool {
	if f.last != nil {
		f.empty <- f.last
		f.last = nil
	}
	if f.ended {
		return false
	}
	b, ok := <-f.full
	if !ok {
		f.ended = true
		return false
	}
	f.last, f.rest = b, b.data[:b.used]
	return true
}

// Read is for one goroutine.
func (f *feed) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	for len(f.rest) == 0 {
		if !f.next() {
			return 0, f.err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// peek is the next n bytes, at most sniffed; fewer where there are no more. They
// stay readable, and are valid up to the next read.
func (f *feed) peek(n int) []byte {
	if len(f.head) == 0 && len(f.rest) >= n {
		return f.rest[:n]
	}
	if len(f.head) >= n {
		return f.head[:n]
	}
	f.head = f.first[:copy(f.first[:], f.head)]
	for len(f.head) < n {
		if len(f.rest) == 0 && !f.next() {
			break
		}
		more := f.rest[:min(len(f.rest), n-len(f.head))]
		f.head = append(f.head, more...)
		f.rest = f.rest[len(more):]
	}
	return f.head
}

// failure is the source's own trouble, if that has ended.
func (f *feed) failure() error {
	if f.ended && !errors.Is(f.err, io.EOF) {
		return f.err
	}
	return nil
}

// drain reads what is left.
func (f *feed) drain() error {
	f.head, f.rest = nil, nil
	for f.next() {
	}
	return f.failure()
}

// close waits for the source's last read.
func (f *feed) close() {
	close(f.stop)
	for b := range f.full {
		slabs.Put(b)
	}
	if f.last != nil {
		slabs.Put(f.last)
	}
	for {
		select {
		case b := <-f.empty:
			slabs.Put(b)
		default:
			return
		}
	}
}
