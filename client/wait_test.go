package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestWait(t *testing.T) {
	const away = "away" // the server is not there
	for _, c := range []struct {
		name   string
		states []string // at each look; the last remains
		seen   []string
		errors int
		cause  error
		kind   fault.Kind
		text   string
	}{
		{name: "analyzed at once", states: []string{wire.Analyzed}, seen: []string{wire.Analyzed}},
		{name: "analyzed at last", states: []string{wire.NotAnalyzed, wire.NotAnalyzed, wire.Analyzing, wire.Analyzed},
			seen: []string{wire.NotAnalyzed, wire.Analyzing, wire.Analyzed}},
		{name: "the server is started anew twice", states: []string{wire.Analyzing, away, away, wire.NotAnalyzed, away, wire.Analyzed},
			seen: []string{wire.Analyzing, wire.NotAnalyzed, wire.Analyzed}, errors: 2},
		{name: "failed", states: []string{wire.Analyzing, wire.AnalysisFailed}, seen: []string{wire.Analyzing, wire.AnalysisFailed},
			cause: client.ErrAnalysisFailed, kind: fault.Conflict, text: "no such layer"},
		{name: "deleted", states: []string{wire.Analyzing, ""}, seen: []string{wire.Analyzing}, kind: fault.NotFound, text: "image not found"},
		{name: "never", states: []string{wire.Analyzing}, seen: []string{wire.Analyzing},
			cause: client.ErrWaitTimeout, kind: fault.Unavailable, text: "it is analyzing"},
		{name: "away for good", states: []string{wire.Analyzing, away}, seen: []string{wire.Analyzing}, errors: 1,
			cause: client.ErrWaitTimeout, kind: fault.Unavailable, text: "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen []string
			var failed int
			wait := func(limit time.Duration) (wire.Image, error) {
				s := newServer(t)
				s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
					state := c.states[min(nth, len(c.states)-1)]
					switch state {
					case away:
						w.WriteHeader(http.StatusServiceUnavailable)
						return true
					case "":
						return false
					}
					answerJSON(w, wire.Image{Digest: digest, Status: state, StatusReason: map[string]string{wire.AnalysisFailed: "no such layer"}[state]})
					return true
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				seen, failed = nil, 0
				return s.to(t).Wait(ctx, digest, client.WaitOptions{
					Interval: time.Millisecond,
					OnChange: func(i wire.Image) { seen = append(seen, i.Status) },
					OnError:  func(error) { failed++ },
				})
			}
			limit := time.Minute
			if errors.Is(c.cause, client.ErrWaitTimeout) {
				limit = 100 * time.Millisecond
			}
			last, err := wait(limit)
			for limit < time.Minute && (len(seen) < len(c.seen) || failed < c.errors) { // it was too short for as many looks
				limit *= 2
				last, err = wait(limit)
			}
			if diff := cmp.Diff(c.seen, seen); diff != "" {
				t.Fatal(diff)
			}
			if failed != c.errors || last.Status != seen[len(seen)-1] {
				t.Errorf("told of %d errors, want %d; last seen %q", failed, c.errors, last.Status)
			}
			if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text) || fault.Of(err) != c.kind) {
				t.Errorf("error %v, want %v with %q", err, c.kind, c.text)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("error %v is not %v", err, c.cause)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := newServer(t)
	s.images[digest] = imported
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.to(t).Wait(ctx, digest, client.WaitOptions{OnChange: func(wire.Image) { cancel() }})
	if !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrWaitTimeout) {
		t.Errorf("error %v", err)
	}
}
