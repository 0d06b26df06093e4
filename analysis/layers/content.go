package layers

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Content is a file's content. ReadAt is for many goroutines; Read and Seek are
// for one.
type Content interface {
	io.ReadCloser
	io.ReaderAt
	io.Seeker
}

// Content is the content of the entry with that ordinal; false: it is not kept,
// or there is none.
func (r *Record) Content(ordinal int) (Content, bool) {
	if ordinal < 0 || ordinal >= r.index.Len() {
		return nil, false
	}
	if r.index.brief(ordinal).facts&(kept|withheld) != kept {
		return nil, false
	}
	from := r.starts[ordinal/runItems]
	for n, i := range r.index.from(ordinal / runItems) {
		if n == ordinal {
			return &content{io.NewSectionReader(stretch{r}, from, i.size), string(i.path)}, true
		}
		from += i.kept()
	}
	return nil, false
}

// content is a part of a record.
type content struct {
	part *io.SectionReader // not embedded: its Outer would give the whole record
	path string
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.part.Read(p)
	return n, c.named(err)
}

func (c *content) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.part.ReadAt(p, at)
	return n, c.named(err)
}

func (c *content) Seek(offset int64, whence int) (int64, error) { return c.part.Seek(offset, whence) }

// Close does nothing: a content holds only its record.
func (c *content) Close() error { return nil }

func (c *content) named(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("read the content of %s: %w", c.path, err)
}

// stretch is all content of a record.
type stretch struct{ *Record }

// ReadAt reads by way of the cache of blocks.
func (s stretch) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at >= s.content {
			return n, io.EOF
		}
		number := int(at / blockSize)
		size := s.blockLength(number)
		within := int(at % blockSize)
		if within == 0 && len(p)-n >= size && size == blockSize {
			if err := s.load(number, p[n:n+size]); err != nil { // whole: no need to keep it
				return n, err
			}
			n += size
			at += int64(size)
			continue
		}
		b, err := unpacked.get(s.Record, number, size)
		if err != nil {
			return n, err
		}
		more := copy(p[n:], b.data.data[within:size])
		unpacked.release(b)
		n += more
		at += int64(more)
	}
	return n, nil
}

// cachedBlocks bound the blocks that the process keeps unpacked: 8 MiB, beside
// those that are being read.
const cachedBlocks = 8 << 20 / blockSize

// unpacked holds the blocks used last: catalogers read many small files that
// are neighbours, and some read bytes one by one.
var unpacked = &blockCache{blocks: map[blockKey]*cached{}}

type blockKey struct {
	record uint64
	number int
}

type blockCache struct {
	mu     sync.Mutex
	blocks map[blockKey]*cached
	ring   cached // a list, the block used last first
}

// cached is a block, unpacked.
type cached struct {
	key          blockKey
	data         *slab
	err          error
	ready        chan struct{} // closed once data or err is there
	users        int
	dropped      bool // not in the cache any longer
	newer, older *cached
}

func (c *blockCache) get(r *Record, number, size int) (*cached, error) {
	key := blockKey{r.id, number}
	c.mu.Lock()
	if c.ring.older == nil {
		c.ring.older, c.ring.newer = &c.ring, &c.ring
	}
	b, ok := c.blocks[key]
	if ok {
		b.unlink()
	} else {
		b = &cached{key: key, data: slabs.Get().(*slab), ready: make(chan struct{})}
		c.blocks[key] = b
	}
	b.linkAfter(&c.ring)
	b.users++
	c.shrink()
	c.mu.Unlock()
	if ok {
		<-b.ready
	} else {
		b.fill(r, size)
	}
	if b.err == nil {
		return b, nil
	}
	c.mu.Lock()
	c.drop(b)
	c.mu.Unlock()
	err := b.err
	c.release(b)
	return nil, err
}

// fill loads the block, and tells those who wait for it even if that panics.
func (b *cached) fill(r *Record, size int) {
	defer close(b.ready)
	b.err = errBroken
	b.err = r.load(b.key.number, b.data.data[:size])
}

// shrink drops the blocks not used for the longest time. The caller holds mu.
func (c *blockCache) shrink() {
	for b := c.ring.newer; len(c.blocks) > cachedBlocks && b != &c.ring; {
		next := b.newer
		if b.users == 0 {
			c.drop(b)
			slabs.Put(b.data)
		}
		b = next
	}
}

// drop forgets a block. The caller holds mu.
func (c *blockCache) drop(b *cached) {
	if b.dropped {
		return
	}
	b.dropped = true
	b.unlink()
	delete(c.blocks, b.key)
}

func (c *blockCache) release(b *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.users--; b.users == 0 && b.dropped {
		slabs.Put(b.data)
	}
}

func (b *cached) unlink() { b.newer.older, b.older.newer = b.older, b.newer }

func (b *cached) linkAfter(newer *cached) {
	b.newer, b.older = newer, newer.older
	newer.older.newer, newer.older = b, b
}
