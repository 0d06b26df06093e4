package image

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// A layer is read in stages, each in a goroutine of its own, so that waiting for
// the sender, unpacking, hashing and using what comes out go on side by side:
//
//	fetch and hash what is stored -> unpack -> hash -> whoever reads
//
// A layer that is not packed needs no more than the first and the last. A layer
// in flight takes at most 2 MiB for its blocks and what gzip needs; zstd adds
// the window that it was packed with, usually 8 MiB. Windows beyond freeWindow
// are for one layer of an image at a time.
const (
	blockSize  = 256 << 10
	ringBlocks = 3
	freeWindow = 32 << 20
)

// block is a part of a stream, or why there is no more of it.
type block struct {
	data []byte
	err  error // io.EOF at the sound end
}

// ring takes blocks from one goroutine to another and their memory back. Sending
// never blocks: there is room for all the memory there is, and for an end.
type ring struct {
	full   chan block
	free   chan []byte
	memory [][]byte // all of it, for the pool; the sender's
	spare  int
}

var memory = sync.Pool{New: func() any { return new([blockSize]byte) }}

func newRing() *ring {
	return &ring{full: make(chan block, ringBlocks+1), free: make(chan []byte, ringBlocks), spare: ringBlocks}
}

// take is memory for a block; nil where ctx ended.
func (r *ring) take(ctx context.Context) []byte {
	select {
	case p := <-r.free:
		return p
	default:
	}
	if r.spare > 0 {
		r.spare--
		p := memory.Get().(*[blockSize]byte)[:]
		r.memory = append(r.memory, p)
		return p
	}
	select {
	case p := <-r.free:
		return p
	case <-ctx.Done():
		return nil
	}
}

// next is the next block.
func (r *ring) next(ctx context.Context) block {
	select {
	case b := <-r.full:
		return b
	case <-ctx.Done():
		return block{err: context.Cause(ctx)}
	}
}

func (r *ring) release() {
	for _, p := range r.memory {
		memory.Put((*[blockSize]byte)(p))
	}
	r.memory = nil
}

// hashing is a layer as it is stored.
type hashing interface {
	io.Reader      // fails at the end where it is not what it should be
	hash() v1.Hash // of all that was read
}

// stream is one layer's tar stream while it is read: a Stream.
type stream struct {
	what  string              // for errors
	want  v1.Hash             // the diff ID it must have; the zero Hash where that is not known
	spend func(n int64) error // told how far it is unpacked
	wide  chan struct{}       // held by the layer that needs more than freeWindow

	ringReader // for whoever reads
	cancel     context.CancelFunc
	stages     sync.WaitGroup
	rings      []*ring

	mu     sync.Mutex
	diffID v1.Hash // as it came out; the zero Hash before the end
	size   int64   // unpacked; 0 before the end
	broken error   // why it could not be read to a sound end
}

// start begins to read a layer from where it is stored. It waits for the first
// bytes. The caller runs fetch, which ends when the context does and from gives
// way, and closes the stream.
func (s *stream) start(ctx context.Context, from hashing) (fetch func(), err error) {
	s.ctx, s.cancel = context.WithCancel(ctx)
	head := bufio.NewReaderSize(from, 4<<10)
	form, err := formOf(head)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.ring = s.newRing()
	s.stages.Add(1)
	if form == plain {
		// What is stored and what is unpacked are the same, and hashed once.
		return func() {
			defer s.stages.Done()
			s.move(head, s.ring, s.ring.full, s.spend, func(n int64) error { return s.check(from.hash(), n) })
		}, nil
	}
	stored, raw := s.newRing(), make(chan block, ringBlocks+1)
	s.stages.Go(func() { s.unpack(form, stored, raw) })
	s.stages.Go(func() { s.sum(raw) })
	return func() {
		defer s.stages.Done()
		s.move(head, stored, stored.full, func(int64) error { return nil }, func(int64) error { return io.EOF })
	}, nil
}

func (s *stream) newRing() *ring {
	r := newRing()
	s.rings = append(s.rings, r)
	return r
}

// move sends all there is in the memory of a ring. end tells whether the end is
// a sound one.
func (s *stream) move(from io.Reader, in *ring, to chan<- block, spend, end func(n int64) error) {
	for all := int64(0); ; {
		p := in.take(s.ctx)
		if p == nil {
			return
		}
		n, err := fill(from, p)
		all += int64(n)
		if over := spend(all); over != nil {
			n, err = 0, over
		}
		if n > 0 {
			to <- block{data: p[:n]}
		}
		if err == io.EOF {
			err = end(all)
		}
		if err != nil {
			s.end(to, err)
			return
		}
	}
}

// end notes and sends why there is no more.
func (s *stream) end(to chan<- block, err error) {
	if err != io.EOF && s.ctx.Err() == nil { // else nobody reads it any more
		s.mu.Lock()
		if s.broken == nil {
			s.broken = err
		}
		s.mu.Unlock()
	}
	to <- block{err: err}
}

// fill reads as much as there is room for.
func fill(from io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = from.Read(p[n:])
		n += more
	}
	return n, err
}

// unpack turns what comes out of a ring into blocks of the reader's.
func (s *stream) unpack(form form, from *ring, to chan<- block) {
	in := &ringReader{ctx: s.ctx, ring: from}
	buf := bufio.NewReaderSize(in, 32<<10)
	tar, release, err := s.unpacker(form, buf)
	if err != nil {
		s.end(to, s.blame(err, in, buf))
		return
	}
	defer release()
	defer tar.Close()
	s.move(blamed{tar, func(err error) error { return s.blame(err, in, buf) }}, s.ring, to, s.spend, func(int64) error { return io.EOF })
}

// blamed is a reader whose errors are seen to.
type blamed struct {
	io.Reader
	blame func(error) error
}

func (b blamed) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = b.blame(err)
	}
	return n, err
}

// blame reads on to the end of what is stored: what follows the packed stream
// belongs to it as well; and that it is not what it should be says more than
// what the unpacking stumbled over.
func (s *stream) blame(err error, in *ringReader, buf *bufio.Reader) error {
	if _, drained := io.Copy(io.Discard, buf); drained != nil {
		return drained
	}
	if err == io.EOF || s.ctx.Err() != nil {
		return err
	}
	return fault.New(fault.Unsupported, "unpack %s: %w", s.what, err)
}

// unpacker unpacks gzip, or zstd within the memory there is for it.
func (s *stream) unpacker(form form, buf *bufio.Reader) (io.ReadCloser, func(), error) {
	window, release := uint64(freeWindow), func() {}
	if form == zstandard && firstWindow(buf) > freeWindow {
		select {
		case s.wide <- struct{}{}:
		case <-s.ctx.Done():
			return nil, nil, context.Cause(s.ctx)
		}
		window, release = maxWindow, func() { <-s.wide }
	}
	tar, err := unpacker(form, buf, window)
	if err != nil {
		release()
		return nil, nil, err
	}
	return tar, release, nil
}

// firstWindow is the window of the first frame of a zstd stream that has one;
// the largest there may be where it is not at the stream's beginning.
func firstWindow(buf *bufio.Reader) uint64 {
	for at := 0; ; {
		head, _ := buf.Peek(min(at+zstd.HeaderMaxSize, buf.Size()))
		var h zstd.Header
		if at >= len(head) || h.Decode(head[at:]) != nil {
			return maxWindow
		}
		if !h.Skippable {
			return h.WindowSize
		}
		at += h.HeaderSize + int(h.SkippableSize)
	}
}

// sum hashes what is unpacked on its way to whoever reads it.
func (s *stream) sum(from <-chan block) {
	sum := newSum()
	for {
		var b block
		select {
		case b = <-from:
		case <-s.ctx.Done():
			return
		}
		sum.add(b.data)
		if b.err == io.EOF {
			b.err = s.check(sum.hash(), sum.n)
		}
		if b.err != nil {
			s.end(s.ring.full, b.err)
			return
		}
		s.ring.full <- b
	}
}

// check is io.EOF where the diff ID is as it should be.
func (s *stream) check(got v1.Hash, size int64) error {
	if s.want.Hex != "" && got != s.want {
		return mismatch(s.what+", unpacked,", s.want, got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.diffID, s.size = got, size
	return io.EOF
}

// Abandon has whoever waits for more of the stream wait no longer.
func (s *stream) Abandon() { s.cancel() }

// DiffID is the digest of the whole stream; "" while it is not known.
func (s *stream) DiffID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.want.Hex != "":
		return s.want.String()
	case s.diffID.Hex != "":
		return s.diffID.String()
	}
	return ""
}

// finish reads what is left, and tells what is wrong with the stream itself.
func (s *stream) finish() error {
	_, err := io.Copy(io.Discard, s)
	return cmp.Or(s.fault(), err)
}

// fault is what is known to be wrong with the stream.
func (s *stream) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// close ends the stages that still run, and waits for them.
func (s *stream) close() {
	s.cancel()
	s.stages.Wait()
	for _, r := range s.rings {
		r.release()
	}
}

// ringReader reads what is in a ring, and no more than a block at once.
type ringReader struct {
	ctx         context.Context
	ring        *ring
	whole, rest []byte
	failed      error
}

func (r *ringReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.failed != nil {
			return 0, r.failed
		}
		if r.whole != nil {
			r.ring.free <- r.whole
			r.whole = nil
		}
		b := r.ring.next(r.ctx)
		r.rest, r.failed = b.data, b.err
		if b.data != nil {
			r.whole = b.data[:cap(b.data)]
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
