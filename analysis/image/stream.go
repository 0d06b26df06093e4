package image

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled is why a silent connection was given up.
var errStalled = errors.New("no data came for too long")

// stall is how long a registry may stay silent.
func (o Registry) stall() time.Duration { return orMinute(o.StallTimeout) }

func orMinute(d time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return time.Minute
}

// leastRate is what a sender must give in bytes a second, on the average of the
// time that it may be silent: a byte now and then does not hold a reader for days.
const leastRate = 256

// watchStall gives a request up when its timer is not wound up again in time.
func watchStall(after time.Duration, cancel context.CancelCauseFunc) *time.Timer {
	return time.AfterFunc(after, func() { cancel(errStalled) })
}

// watched is a body that fails where it stalls.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	every  time.Duration

	waited time.Duration // for the sender, since enough of it came
	got    float64       // bytes since then
}

func (w *watched) Read(p []byte) (int, error) {
	began := time.Now()
	w.timer.Reset(w.every - w.waited)
	n, err := w.ReadCloser.Read(p)
	// Whoever reads may take its time; only the sender is watched.
	w.timer.Stop()
	w.waited += time.Since(began)
	if w.got += float64(n); w.got >= leastRate*w.every.Seconds() {
		w.waited, w.got = 0, 0
	}
	if err != nil && err != io.EOF {
		err = orCause(w.ctx, err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}

// orCause is why the context ended, where it did, and else err.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// resuming reads a blob over as many connections as it takes.
type resuming struct {
	ctx      context.Context
	from     func(offset int64) (io.ReadCloser, error)
	fail     registryFault
	size     int64
	offset   int64
	body     io.ReadCloser
	failures int
	failedAt int64 // offset of the last failure
}

// connect opens the stream at the offset reached.
func (r *resuming) connect() error {
	body, err := r.from(r.offset)
	r.body = body
	return err
}

// forgiven is how many bytes must have come for earlier failures to be forgotten.
const forgiven = 1 << 20

func (r *resuming) Read(p []byte) (int, error) {
	for {
		var n int
		err := io.ErrClosedPipe
		if r.body == nil {
			err = r.connect()
		}
		if r.body != nil {
			n, err = r.body.Read(p)
			r.offset += int64(n)
		}
		if err == io.EOF && r.offset < r.size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil || err == io.EOF {
			return n, err
		}
		r.drop()
		if !isTransient(err) {
			return n, r.fail.of(r.ctx, err)
		}
		if r.offset-r.failedAt >= forgiven {
			r.failures = 0
		}
		r.failedAt = r.offset
		if r.failures++; r.failures >= attempts {
			return n, r.fail.of(r.ctx, err)
		}
		if err := pause(r.ctx, r.failures); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (r *resuming) drop() {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
}

// Close ends the stream.
func (r *resuming) Close() error {
	r.drop()
	return nil
}
