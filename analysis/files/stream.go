package files

import (
	"context"
	"errors"
	"io"
	"sync"
)

// stream is a layer's tar on its way to whoever unpacks it; everything read
// from it is read by the layer, too.
type stream struct {
	layer *Layer
	src   io.ReadCloser
	side  *conduit
	done  chan error // what the layer's reading came to
	end   error      // how the stream ended; nil while it has not
}

func newStream(l *Layer, src io.ReadCloser) *stream {
	s := &stream{layer: l, src: src, side: newConduit(), done: make(chan error, 1)}
	go func() {
		err := l.read(l.pass.ctx, s.side)
		s.side.leave()
		s.done <- err
	}()
	return s
}

// Read gives the layer's bytes. Its end is io.EOF only if the layer's tar could
// be read as well.
func (s *stream) Read(p []byte) (int, error) {
	if s.end != nil {
		return 0, s.end
	}
	if s.layer.pass.ctx.Err() != nil {
		return 0, s.finish(context.Cause(s.layer.pass.ctx))
	}
	n, err := s.src.Read(p)
	if n > 0 && !s.side.write(p[:n]) {
		return n, s.finish(nil)
	}
	if err != nil {
		return n, s.finish(err)
	}
	return n, nil
}

// Close ends a stream that was not read to its end.
func (s *stream) Close() error {
	if s.end == nil {
		s.finish(ErrAbandoned)
	}
	return s.src.Close()
}

// ErrAbandoned is the error of a layer whose reader stopped early, for reasons of
// its own.
var ErrAbandoned = errors.New("nobody read it to its end")

// finish ends both sides, with err as the source's last word; the layer's own
// trouble goes before a source that ended well.
func (s *stream) finish(err error) error {
	s.side.close(err)
	own := <-s.done
	if own != nil && (err == nil || err == io.EOF) {
		err = own
	}
	s.end = err
	if err != io.EOF {
		s.end = s.layer.fail(err)
	}
	return s.end
}

// conduit carries bytes from one goroutine to another, a bounded number of
// them, so that both can work at the same time.
type conduit struct {
	full chan []byte
	gone chan struct{} // closed when the reader has left
	rest []byte        // of the chunk being read
	last []byte        // that chunk, to be used again
	err  error         // how it ended, once full is closed
}

var chunks = sync.Pool{New: func() any { return []byte(nil) }}

// conduitChunks of what a writer hands over at a time, 32 KiB for io.Copy.
const conduitChunks = 32

func newConduit() *conduit {
	return &conduit{full: make(chan []byte, conduitChunks), gone: make(chan struct{})}
}

// write is false when the reader has left.
func (c *conduit) write(p []byte) bool {
	chunk := append(chunks.Get().([]byte)[:0], p...)
	select {
	case c.full <- chunk:
		return true
	case <-c.gone:
		return false
	}
}

// close ends the bytes with err; io.EOF is a good end.
func (c *conduit) close(err error) {
	c.err = err
	if err == nil {
		c.err = io.EOF
	}
	close(c.full)
}

func (c *conduit) leave() { close(c.gone) }

// Read is for one goroutine.
func (c *conduit) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.last != nil {
			chunks.Put(c.last)
			c.last = nil
		}
		chunk, ok := <-c.full
		if !ok {
			return 0, c.err
		}
		c.rest, c.last = chunk, chunk
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
