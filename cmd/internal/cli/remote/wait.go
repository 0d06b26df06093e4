package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// The pause between two looks at an image: short at first, for small images.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 3 * time.Second
)

// Wait looks at an image until its analysis has ended, well or not, and tells
// note what it waits for. A server that does not answer is waited for as well.
// When timeout is over while the work goes on, the error's code is exit.TimedOut.
func Wait(ctx context.Context, c *client.Client, digest string, timeout time.Duration, note func(string)) (wire.Image, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last wire.Image
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		image, err := c.Image(limited, digest)
		switch {
		case limited.Err() != nil:
		case err == nil:
			last = image
			note(State(image))
			if image.Status == wire.Analyzed {
				return image, nil
			}
			if image.Status == wire.AnalysisFailed {
				return image, failed(image)
			}
		case fault.Of(err) == fault.Unavailable:
			note("the server does not answer; waiting for it")
		default:
			return last, err
		}
		select {
		case <-limited.Done():
			return last, ended(ctx, last, digest, timeout)
		case <-time.After(pause):
		}
	}
}

func ended(ctx context.Context, image wire.Image, digest string, timeout time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for %s: %w", digest, err)
	}
	state := "in an unknown state: the server did not answer"
	if image.Status != "" {
		state = State(image)
	}
	return exit.With(exit.TimedOut, fault.New(fault.Unavailable, "wait for %s: after %s it is still %s", digest, timeout, state).
		WithHint("the work goes on; look again with: tidepole image get %s", digest))
}

func failed(image wire.Image) error {
	reason := image.StatusReason
	if reason == "" {
		reason = "the server gives no reason"
	}
	return fault.New(fault.Internal, "analyze %s: %w", image.Digest, errors.New(reason)).
		WithHint("tidepole image get %s shows its history, the server's log the details; tidepole image add --force tries again", image.Digest)
}

// State is what an image is at, for people.
func State(image wire.Image) string {
	var text string
	switch image.Status {
	case wire.NotAnalyzed:
		text = "queued"
		if image.Waiting > 0 {
			text = fmt.Sprintf("queued at position %d", image.Waiting)
		}
	case wire.Analyzing:
		text = "analyzing"
	case wire.Analyzed:
		return "analyzed"
	case wire.AnalysisFailed:
		text = "failed"
	default:
		text = image.Status
	}
	if image.Attempts > 1 {
		text += fmt.Sprintf(", attempt %d", image.Attempts)
	}
	if image.StatusReason != "" {
		text += ": " + image.StatusReason
	}
	return text
}
