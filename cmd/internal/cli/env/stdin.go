package env

import (
	"context"
	"fmt"
	"io"
)

// Stdin is standard input, whose reading ends with ctx: reading from a terminal
// or a pipe cannot be interrupted otherwise.
func (e *Env) Stdin(ctx context.Context) io.Reader { return &stdin{ctx: ctx, from: e.In} }

// chunk bounds one read, in bytes.
const chunk = 64 << 10

type stdin struct {
	ctx  context.Context
	from io.Reader
	rest []byte // read and not yet handed on
	err  error  // after rest
}

// Read reads into a buffer of its own, as a read that is given up may still fill it.
func (s *stdin) Read(p []byte) (int, error) {
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

func (s *stdin) fill() {
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
		s.err = fmt.Errorf("read standard input: %w", s.ctx.Err())
	}
}
