package client

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// What Wait may end with besides the faults of asking; for errors.Is.
var (
	ErrWaitTimeout    = errors.New("the time to wait is over")
	ErrAnalysisFailed = errors.New("the analysis failed")
)

// WaitOptions say how to wait for an image.
type WaitOptions struct {
	Interval time.Duration    // between the first two looks, growing from there to maxInterval; 0: half a second
	OnChange func(wire.Image) // told of the first state, and of each other that is seen; may be nil
	OnError  func(error)      // told when the server does not answer, once for each time it goes away; may be nil
}

const maxInterval = 5 * time.Second

// Wait looks at an image until its analysis has ended. The deadline is ctx's: a
// wait that it ends is ErrWaitTimeout, and the last state seen is returned with
// it. A server that goes away meanwhile is waited for. An analysis that failed
// is ErrAnalysisFailed and says why.
func (c *Client) Wait(ctx context.Context, digest string, o WaitOptions) (wire.Image, error) {
	w := &wait{client: c, digest: digest, options: o, interval: o.Interval}
	if w.interval <= 0 {
		w.interval = 500 * time.Millisecond
	}
	for {
		done, err := w.look(ctx)
		if done || err != nil {
			return w.image, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.interval):
			w.interval = min(w.interval*3/2, max(maxInterval, o.Interval))
		}
	}
}

// wait is a wait under way.
type wait struct {
	client   *Client
	digest   string
	options  WaitOptions
	interval time.Duration

	image wire.Image // as last seen
	away  error      // why there was no answer the last time
	since time.Time  // when that began
}

// look looks once.
func (w *wait) look(ctx context.Context) (done bool, err error) {
	if ctx.Err() != nil {
		return false, w.over(ctx)
	}
	var seen wire.Image
	k := imageCall(w.digest)
	k.take = into(k.doing, &seen)
	err = w.client.try(ctx, k)
	var f *failure
	switch {
	case err == nil:
		w.away = nil
		return w.saw(seen)
	case ctx.Err() != nil:
		return false, w.over(ctx)
	case errors.As(err, &f) && f.again && w.missed(f.err):
		return false, nil
	case errors.As(err, &f):
		return false, f.err
	}
	return false, err
}

// saw compares the state with the last one.
func (w *wait) saw(i wire.Image) (done bool, err error) {
	changed := i.Status != w.image.Status || i.StatusReason != w.image.StatusReason || i.Waiting != w.image.Waiting
	w.image = i
	if changed && w.options.OnChange != nil {
		w.options.OnChange(i)
	}
	switch i.Status {
	case wire.Analyzed:
		return true, nil
	case wire.AnalysisFailed:
		return true, w.failed(i.StatusReason)
	}
	return false, nil
}

// missed notes that there was no state to see. A server that is away is waited
// for; one that is there and does not work, not for ever.
func (w *wait) missed(err error) (goOn bool) {
	if w.away == nil {
		w.since = time.Now()
		if w.options.OnError != nil {
			w.options.OnError(err)
		}
	}
	w.away = err
	return fault.Of(err) == fault.Unavailable || time.Since(w.since) < w.client.retry.Import
}

func (w *wait) failed(reason string) error {
	if reason == "" {
		reason = "the server does not say why"
	}
	f := fault.New(fault.Conflict, "the analysis of image %s failed: %s", w.digest, reason).
		WithHint("'tidepole queue show %s' lists the attempts; once the cause is gone, 'tidepole queue retry %s' has it analysed again", w.digest, w.digest)
	f.Err = ErrAnalysisFailed
	return f
}

// over is the end of the context: the user's own, or that of the time to wait.
func (w *wait) over(ctx context.Context) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ended(ctx, call{doing: "wait for image " + w.digest})
	}
	state := "its state was never seen"
	if w.image.Status != "" {
		state = "it is " + w.image.Status
	}
	if w.away != nil {
		state += ", and the server does not answer"
	}
	f := fault.New(fault.Unavailable, "wait for image %s: the time is over; %s", w.digest, state).
		WithHint("the work goes on; 'tidepole image get %s' shows how far it is", w.digest)
	f.Err = ErrWaitTimeout
	return f
}
