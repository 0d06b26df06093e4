package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// request makes a user's request on an image.
func (b *bench) request(digest string, do func(context.Context, *store.Tx, store.Image, string) (bool, error)) (changed bool) {
	b.t.Helper()
	b.must(b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		i, err := tx.Image(b.t.Context(), "a", digest)
		if err == nil {
			changed, err = do(b.t.Context(), tx, i, "bob")
		}
		return err
	}))
	return changed
}

// outcomes are an image's attempts, in short.
func (b *bench) outcomes(digest string) []string {
	b.t.Helper()
	all, err := b.store.View().Attempts(b.t.Context(), b.image(digest).ID)
	b.must(err)
	var list []string
	for _, a := range all {
		list = append(list, fmt.Sprintf("%s %d %s by %s: %s", a.Stage, a.Number, a.Outcome, a.Worker, a.Reason))
	}
	return list
}

func (b *bench) attempts(digest string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.outcomes(digest)); diff != "" {
		b.t.Errorf("attempts: %s", diff)
	}
}

// An attempt that went through both stages is told of under the one that it began with.
func TestAttemptThatIsDone(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.submit("x", queue.Analyze)
		b.must(b.claim("v").Fail(t.Context(), errors.New("no luck")))
		b.now = b.now.Add(time.Minute)
		l := b.claim("w")
		b.must(l.Advance(t.Context(), queue.Assess, nothing))
		b.must(l.Finish(t.Context(), nothing))
		b.attempts("x", "analyze 1 failed by v: no luck", "analyze 2 done by w: ")
	})
}

func TestCancel(t *testing.T) {
	t.Run("queued", func(t *testing.T) {
		everywhere(t, func(t *testing.T, b *bench) {
			b.submit("x", queue.Analyze)
			for _, want := range []bool{true, false} {
				if got := b.request("x", b.Cancel); got != want {
					t.Errorf("cancelled: %v, want %v", got, want)
				}
				b.is("x", wire.AnalysisFailed, "cancelled by bob")
			}
			if b.claim("w") != nil {
				t.Error("there is work left")
			}
			b.attempts("x")
		})
	})
	t.Run("under way", func(t *testing.T) {
		everywhere(t, func(t *testing.T, b *bench) {
			b.submit("x", queue.Analyze)
			l := b.claim("w")
			b.request("x", b.Cancel)
			b.is("x", wire.AnalysisFailed, "cancelled by bob")
			for what, err := range map[string]error{
				"beat": l.Beat(t.Context(), ""), "finish": l.Finish(t.Context(), nothing), "fail": l.Fail(t.Context(), errors.New("x")),
			} {
				if !errors.Is(err, queue.ErrLost) {
					t.Errorf("%s of the cancelled work: %v", what, err)
				}
			}
			b.attempts("x", "analyze 1 cancelled by w: cancelled by bob")
			b.sound()
		})
	})
	t.Run("waiting for its next attempt", func(t *testing.T) {
		everywhere(t, func(t *testing.T, b *bench) {
			b.submit("x", queue.Analyze)
			b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
			b.request("x", b.Cancel)
			b.is("x", wire.AnalysisFailed, "cancelled by bob")
			b.sound()
		})
	})
	t.Run("matched anew", func(t *testing.T) {
		everywhere(t, func(t *testing.T, b *bench) {
			b.submit("x", queue.Assess)
			b.must(b.claim("w").Finish(t.Context(), nothing))
			b.refresh()
			l := b.claim("w")
			b.request("x", b.Cancel)
			b.is("x", wire.Analyzed, "cancelled by bob")
			if err := l.Finish(t.Context(), nothing); !errors.Is(err, queue.ErrLost) {
				t.Errorf("finish of the cancelled work: %v", err)
			}
			if b.request("x", b.Cancel) {
				t.Error("an analysed image without work was cancelled")
			}
			b.sound()
		})
	})
}

func TestRetry(t *testing.T) { everywhere(t, retry) }

func retry(t *testing.T, b *bench) {
	b.submit("x", queue.Assess)
	if b.request("x", b.Retry) {
		t.Error("an image that is queued was tried again")
	}
	b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
	if b.claim("w") != nil {
		t.Error("the next attempt came at once")
	}
	if !b.request("x", b.Retry) {
		t.Error("an image that waits for its next attempt was not tried again")
	}
	l := b.claim("w")
	if l == nil || l.Work.Attempts != 2 {
		t.Fatalf("after the request: %+v", l)
	}
	if b.request("x", b.Retry) {
		t.Error("an image that is analysed was tried again")
	}
	b.must(l.Fail(t.Context(), fault.New(fault.Invalid, "broken")))
	b.is("x", wire.AnalysisFailed, "broken")
	b.request("x", b.Retry)
	b.is("x", wire.NotAnalyzed, "asked for again by bob")
	b.must(b.claim("w").Finish(t.Context(), nothing))
	if b.request("x", b.Retry) {
		t.Error("an analysed image was tried again")
	}
	b.is("x", wire.Analyzed, "")
	b.attempts("x", "assess 1 failed by w: no luck", "assess 2 failed by w: broken", "assess 1 done by w: ")
}

func TestEveryAttemptOfAPoisonImageIsNamed(t *testing.T) {
	everywhere(t, everyAttemptOfAPoisonImageIsNamed)
}

func everyAttemptOfAPoisonImageIsNamed(t *testing.T, b *bench) {
	b.submit("x", queue.Analyze)
	b.must(b.claim("one").Fail(t.Context(), errors.New("no memory")))
	b.now = b.now.Add(time.Hour)
	b.claim("two")
	_, err := b.TakeAll(t.Context()) // its server died
	b.must(err)
	b.now = b.now.Add(time.Hour)
	b.claim("three")
	b.now = b.now.Add(time.Hour)
	_, err = b.Expire(t.Context())
	b.must(err)
	b.is("x", wire.AnalysisFailed, "analyze: gave up after 3 attempts: (1) no memory; (2) the server ended without giving this work back (worker two); (3) the worker fell silent (worker three)")
	b.attempts("x", "analyze 1 failed by one: no memory", "analyze 2 lost by two: the server ended without giving this work back (worker two)",
		"analyze 3 lost by three: the worker fell silent (worker three)")
	b.submit("x", queue.Analyze)
	b.must(b.claim("w").Release(t.Context(), "ending"))
	l := b.claim("w")
	b.submit("x", queue.Analyze)
	if got := b.outcomes("x")[3:]; !cmp.Equal(got, []string{"analyze 1 given_back by w: ending", "analyze 1 superseded by w: asked for"}) {
		t.Errorf("attempts: %q", got)
	}
	if err := l.Beat(t.Context(), ""); !errors.Is(err, queue.ErrLost) {
		t.Errorf("the lease outlived the request: %v", err)
	}
}

func TestTheNewestAttemptsAreKept(t *testing.T) { everywhere(t, theNewestAttemptsAreKept) }

func theNewestAttemptsAreKept(t *testing.T, b *bench) {
	b.submit("x", queue.Analyze)
	for n := range 60 {
		b.must(b.claim(fmt.Sprint(n)).Release(t.Context(), "ending"))
	}
	if got := b.outcomes("x"); len(got) != 50 || got[49] != "analyze 1 given_back by 59: ending" {
		t.Errorf("%d attempts are kept, the last is %s", len(got), got[len(got)-1])
	}
}
