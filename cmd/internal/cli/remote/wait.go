package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/formats/wire"
)

// firstPause is between the first two looks at an image: small images are done soon.
const firstPause = 200 * time.Millisecond

// Wait waits until an image's analysis has ended, well or not, and tells note
// what it waits for. When timeout is over while the work goes on, the error's
// exit code is exit.TimedOut.
func Wait(ctx context.Context, c *client.Client, digest string, timeout time.Duration, note func(string)) (wire.Image, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	image, err := c.Wait(limited, digest, client.WaitOptions{
		Interval: firstPause,
		OnChange: func(i wire.Image) {
			if i.Status == wire.AnalysisFailed {
				i.StatusReason = "" // the error that follows says why
			}
			note(State(i))
		},
		OnError: func(error) { note("the server does not answer; waiting for it") },
	})
	if errors.Is(err, client.ErrWaitTimeout) && ctx.Err() == nil {
		return image, exit.With(exit.TimedOut, err)
	}
	return image, err
}

// State is what an image is at, for people.
func State(image wire.Image) string {
	text := states[image.Status]
	switch {
	case text == "":
		text = image.Status
	case image.Status == wire.NotAnalyzed && image.Waiting > 0:
		text = fmt.Sprintf("queued at position %d", image.Waiting)
	}
	if image.Attempts > 1 && image.Status != wire.Analyzed {
		text += fmt.Sprintf(", attempt %d", image.Attempts)
	}
	if image.StatusReason != "" {
		text += ": " + image.StatusReason
	}
	return text
}

var states = map[string]string{
	wire.NotAnalyzed:    "queued",
	wire.Analyzing:      "analyzing",
	wire.Analyzed:       "analyzed",
	wire.AnalysisFailed: "failed",
}
