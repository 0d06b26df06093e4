package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sethvargo/go-retry"
)

// Retry says how long what can be got over is tried again: a server that does
// not answer, is overloaded, or breaks off.
type Retry struct {
	Min    time.Duration // before the second try, doubled after each; 0: 200 ms
	Max    time.Duration // between two tries; 0: 10 s
	Call   time.Duration // for one request; 0: 5 s, less than 0: one try
	Import time.Duration // for one step of an import that has begun; 0: 2 min, less than 0: one try
}

func (r Retry) withDefaults() Retry {
	orElse(&r.Min, 200*time.Millisecond)
	orElse(&r.Max, 10*time.Second)
	orElse(&r.Call, 5*time.Second)
	orElse(&r.Import, 2*time.Minute)
	r.Min = max(r.Min, time.Millisecond)
	r.Max = max(r.Max, r.Min)
	return r
}

func orElse(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// failure is one try that did not succeed, and what it says of the next.
type failure struct {
	err    error
	again  bool          // the next may succeed
	unsent bool          // the server did nothing, so even what must happen once may be sent again
	after  time.Duration // the server asks to wait that long
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// persist tries until it succeeds, there is no point in another try, or limit
// has passed.
func (c *Client) persist(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	var last *failure
	pace := c.pace(limit)
	err := retry.Do(ctx, retry.BackoffFunc(func() (time.Duration, bool) {
		wait, stop := pace.Next()
		if stop {
			return 0, true
		}
		wait = max(wait, min(last.after, c.retry.Max))
		c.notify(Notice{Err: last.err, Wait: wait})
		return wait, false
	}), func(ctx context.Context) error {
		err := try(ctx)
		var f *failure
		if errors.As(err, &f) && f.again {
			last = f
			return retry.RetryableError(err)
		}
		return err
	})
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.err
	case err != nil && ctx.Err() != nil && last != nil:
		return fmt.Errorf("%w: %w", last.err, err)
	}
	return err
}

// pace is the waiting time between tries: doubled each time, with a quarter of
// it random so that many clients do not come back at once.
func (c *Client) pace(limit time.Duration) retry.Backoff {
	b := retry.WithCappedDuration(c.retry.Max, retry.NewExponential(c.retry.Min))
	return retry.WithMaxDuration(limit, retry.WithJitterPercent(25, b))
}
