package client

import (
	"context"
	"errors"
	"io"
	"time"
)

// errSilent ends an exchange in which nothing has moved for too long.
var errSilent = errors.New("the server was silent")

// patience is a context that ends when nothing has moved for a while, however
// long the whole takes.
type patience struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func newPatience(parent context.Context, limit time.Duration) *patience {
	ctx, cancel := context.WithCancelCause(parent)
	return &patience{
		ctx: ctx, cancel: cancel, limit: limit,
		timer: time.AfterFunc(limit, func() { cancel(errSilent) }),
	}
}

func (p *patience) stop() {
	p.timer.Stop()
	p.cancel(nil)
}

// lost tells whether it was patience that ran out.
func (p *patience) lost() bool { return errors.Is(context.Cause(p.ctx), errSilent) }

// sending counts what is read from a request's body as movement. Its errors
// are ours, not the server's.
type sending struct {
	io.ReadCloser
	patience *patience
}

func (s *sending) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	s.patience.timer.Reset(s.patience.limit)
	if err != nil && err != io.EOF {
		err = &ours{err}
	}
	return n, err
}

// ours is an error of reading what is to be sent.
type ours struct{ err error }

func (o *ours) Error() string { return o.err.Error() }
func (o *ours) Unwrap() error { return o.err }

// receiving counts what is read from an answer as movement. Its errors are the
// connection's.
type receiving struct {
	io.Reader
	patience *patience
}

func (r *receiving) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.patience.timer.Reset(r.patience.limit)
	if err != nil && err != io.EOF {
		err = &cut{err}
	}
	return n, err
}

// cut is an answer that broke off.
type cut struct{ err error }

func (c *cut) Error() string { return c.err.Error() }
func (c *cut) Unwrap() error { return c.err }
