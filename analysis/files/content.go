package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
)

// maxBuffered is the size up to which a file is read into memory, so that it
// can be observed while the layer goes on; a longer one is observed as it
// streams by.
const maxBuffered = 1 << 20

// content takes the digest of the file that r holds and has it observed.
func (l *Layer) content(ctx context.Context, e Entry, r io.Reader) ([sha256.Size]byte, error) {
	observers := l.pass.options.Observers
	if l.repeated || strings.HasPrefix(path.Base(e.Path), ".wh.") || e.Size == 0 {
		observers = nil
	}
	switch {
	case len(observers) == 0:
		return digest(r)
	case e.Size <= maxBuffered:
		return l.buffered(ctx, e, r, observers)
	default:
		return l.streamed(e, r, observers)
	}
}

// buffered reads the file whole and leaves observing it to another goroutine.
func (l *Layer) buffered(ctx context.Context, e Entry, r io.Reader, observers []Observer) ([sha256.Size]byte, error) {
	buffer := l.pass.buffers.Get().(*[maxBuffered]byte)
	data := buffer[:e.Size]
	if _, err := io.ReadFull(r, data); err != nil {
		return [sha256.Size]byte{}, err
	}
	sum := sha256.Sum256(data)
	select {
	case l.pass.slots <- struct{}{}:
	case <-ctx.Done():
		return sum, context.Cause(ctx)
	}
	l.running.Go(func() {
		for _, o := range observers {
			l.observe(o, e, bytes.NewReader(data))
		}
		l.pass.buffers.Put(buffer)
		<-l.pass.slots
	})
	return sum, nil
}

// streamed gives every observer the file through a pipe of its own, as fast as
// the slowest that still reads.
func (l *Layer) streamed(e Entry, r io.Reader, observers []Observer) ([sha256.Size]byte, error) {
	var readers sync.WaitGroup
	to := make(fan, len(observers))
	for i, o := range observers {
		pr, pw := io.Pipe()
		to[i] = pw
		readers.Go(func() {
			defer pr.CloseWithError(errEnough)
			l.observe(o, e, pr)
		})
	}
	sum, err := digest(io.TeeReader(r, to))
	for _, pw := range to {
		pw.CloseWithError(err) // nil is the end of the file
	}
	readers.Wait()
	return sum, err
}

// observe keeps an observer's panic from ending the process.
func (l *Layer) observe(o Observer, e Entry, r io.Reader) {
	defer func() {
		if p := recover(); p != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.crash == nil {
				l.crash = fmt.Errorf("search %s: panic: %v", e.Path, p)
			}
		}
	}()
	o(e, r)
}

// errEnough is what a writer learns when its reader has seen enough.
var errEnough = errors.New("enough")

// fan writes to all that still read, and never fails.
type fan []*io.PipeWriter

func (f fan) Write(p []byte) (int, error) {
	for _, w := range f {
		_, _ = w.Write(p) // one who has seen enough does not keep the others from reading
	}
	return len(p), nil
}

func digest(r io.Reader) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	_, err = io.Copy(h, r)
	h.Sum(sum[:0])
	return sum, err
}
