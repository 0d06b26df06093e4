package env

import (
	"context"
	"fmt"
	"io"
)

// Stdin is standard input, whose reading ends with ctx.
func (e *Env) Stdin(ctx context.Context) io.Reader { return Ending(ctx, e.In, "standard input") }

// Ending reads from what has that name, until ctx ends: reading from a terminal
// or a pipe cannot be interrupted otherwise.
func Ending(ctx context.Context, from io.Reader, name string) io.Reader {
	return &ending{ctx: ctx, from: from, name: name}
}

// chunk bounds one read, in bytes.
const chunk = 64 << 10

type ending struct {
	ctx  context.Context
	from io.Reader
	name string
	rest []byte // read and not yet handed on
	err  error  // after rest
}

// Read reads into a buffer of its own, as a read that is given up may still fill it.
func (s *ending) Read(p []byte) (int, error) {
	if len(s.rest) == 0 && s.err == nil {
		s.fill()
	}
	if len(s.rest) > 0 {
		n := copy(p, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	return 0, s.err
}

func (s *ending) fill() {
	type part struct {
		data []byte
		err  error
	}
	parts := make(chan part, 1)
	go func() {
		data := make([]byte, chunk)
		n, err := s.from.Read(data)
		parts <- part{data[:n], err}
	}()
	select {
	case p := <-parts:
		s.rest, s.err = p.data, p.err
	case <-s.ctx.Done():
		s.err = fmt.Errorf("read %s: %w", s.name, s.ctx.Err())
	}
}
