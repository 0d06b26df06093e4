package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// bench is a queue with a clock that tests turn.
type bench struct {
	*queue.Queue
	t     *testing.T
	store *store.Store
	now   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bench{t: t, store: s, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.Queue = queue.New(s, queue.Options{
		LeaseTime: time.Minute, MaxAttempts: 3, RetryDelay: 10 * time.Second,
		Now: func() time.Time { return b.now }, Host: "host", Version: "v",
	})
	return b
}

func (b *bench) submit(digest, stage string) {
	b.t.Helper()
	err := b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		i, err := tx.Image(b.t.Context(), "a", digest)
		if errors.Is(err, store.ErrNone) {
			i = store.Image{Account: "a", Digest: digest, Status: wire.NotAnalyzed, CreatedAt: b.now}
			err = tx.InsertImage(b.t.Context(), &i)
			i.Status = ""
		}
		if err != nil {
			return err
		}
		return b.Submit(b.t.Context(), tx, i, stage, "asked for")
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) claim(worker string) *queue.Lease {
	b.t.Helper()
	l, err := b.Claim(b.t.Context(), worker)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b *bench) image(digest string) store.Image {
	b.t.Helper()
	i, err := b.store.View().Image(b.t.Context(), "a", digest)
	if err != nil {
		b.t.Fatal(err)
	}
	return i
}

// is checks an image's status and what its reason says.
func (b *bench) is(digest, status, reason string) {
	b.t.Helper()
	if i := b.image(digest); i.Status != status || !strings.Contains(i.Reason, reason) || reason == "" && i.Reason != "" {
		b.t.Errorf("image %s is %s: %q; want %s: %q", digest, i.Status, i.Reason, status, reason)
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func nothing(*store.Tx) error { return nil }

func TestTheDiagram(t *testing.T) {
	all := []string{"", wire.NotAnalyzed, wire.Analyzing, wire.Analyzed, wire.AnalysisFailed}
	var got []string
	for _, from := range all {
		for _, to := range all {
			if queue.Allowed(from, to) {
				got = append(got, from+">"+to)
			}
		}
	}
	want := []string{
		">not_analyzed", "not_analyzed>analyzing",
		"analyzing>not_analyzed", "analyzing>analyzed", "analyzing>analysis_failed",
		"analyzed>not_analyzed", "analysis_failed>not_analyzed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWorkFromStageToStage(t *testing.T) {
	b := newBench(t)
	b.submit("x", queue.Analyze)
	b.is("x", wire.NotAnalyzed, "")
	l := b.claim("w")
	b.is("x", wire.Analyzing, "taken up by w")
	if l.Work.Stage != queue.Analyze || b.claim("w") != nil {
		t.Fatal("claimed twice, or the wrong thing")
	}
	b.must(l.Beat(t.Context(), "pulling"))
	b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error { return l.Advance(t.Context(), tx, queue.Assess) }))
	b.must(l.Release(t.Context(), "shut down"))
	b.is("x", wire.NotAnalyzed, "shut down")
	l = b.claim("w2")
	if l.Work.Stage != queue.Assess || l.Image.Attempts != 2 {
		t.Errorf("claimed again: %+v", l)
	}
	b.must(l.Finish(t.Context(), nothing))
	b.is("x", wire.Analyzed, "")
	if b.claim("w") != nil {
		t.Error("there is work left")
	}
}

func TestSilentWorkerLosesItsWork(t *testing.T) {
	b := newBench(t)
	b.submit("x", queue.Analyze)
	slow := b.claim("slow")
	b.now = b.now.Add(50 * time.Second)
	b.must(slow.Beat(t.Context(), ""))
	b.now = b.now.Add(50 * time.Second)
	if n, err := b.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("%d leases of a worker that lives were ended, %v", n, err)
	}
	b.now = b.now.Add(11 * time.Second)
	if n, err := b.Expire(t.Context()); n != 1 || err != nil {
		t.Errorf("%d leases of a silent worker were ended, %v", n, err)
	}
	b.is("x", wire.NotAnalyzed, "attempt 1 of 3: the worker fell silent (worker slow)")
	quick := b.claim("quick")
	for name, write := range map[string]func() error{
		"beat":    func() error { return slow.Beat(t.Context(), "") },
		"finish":  func() error { return slow.Finish(t.Context(), nothing) },
		"fail":    func() error { return slow.Fail(t.Context(), errors.New("x")) },
		"release": func() error { return slow.Release(t.Context(), "x") },
		"advance": func() error {
			return b.store.InTx(t.Context(), func(tx *store.Tx) error { return slow.Advance(t.Context(), tx, queue.Assess) })
		},
		"holds": func() error {
			return b.store.InTx(t.Context(), func(tx *store.Tx) error { return slow.Holds(t.Context(), tx) })
		},
	} {
		if err := write(); !errors.Is(err, queue.ErrLost) {
			t.Errorf("%s after the lease was lost: %v", name, err)
		}
	}
	b.must(quick.Finish(t.Context(), nothing))
	b.is("x", wire.Analyzed, "")
}

func TestAttemptsAreCountedAndDelayed(t *testing.T) {
	b := newBench(t)
	b.submit("x", queue.Analyze)
	for n, wait := range []time.Duration{10 * time.Second, 20 * time.Second} {
		l := b.claim("w")
		b.must(l.Fail(t.Context(), errors.New("no luck")))
		b.is("x", wire.NotAnalyzed, fmt.Sprintf("attempt %d of 3: no luck", n+1))
		b.now = b.now.Add(wait - time.Second)
		if b.claim("w") != nil {
			t.Errorf("attempt %d came too early", n+2)
		}
		b.now = b.now.Add(time.Second)
	}
	b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
	b.is("x", wire.AnalysisFailed, "gave up after 3 attempts: no luck")
	b.submit("x", queue.Analyze)
	if l := b.claim("w"); l == nil || l.Work.Attempts != 1 || l.Image.Attempts != 1 {
		t.Errorf("asked for again: %+v", l)
	}
}

func TestWhatCannotGetBetterFailsAtOnce(t *testing.T) {
	for kind, want := range map[fault.Kind]string{
		fault.Invalid: wire.AnalysisFailed, fault.NotFound: wire.AnalysisFailed, fault.Denied: wire.AnalysisFailed,
		fault.TooLarge: wire.AnalysisFailed, fault.Unsupported: wire.AnalysisFailed, fault.Conflict: wire.AnalysisFailed,
		fault.Unavailable: wire.NotAnalyzed, fault.Internal: wire.NotAnalyzed,
	} {
		b := newBench(t)
		b.submit("x", queue.Assess)
		b.must(b.claim("w").Fail(t.Context(), fmt.Errorf("wrapped: %w", fault.New(kind, "so"))))
		b.is("x", want, "wrapped: so")
	}
}

func TestRefresh(t *testing.T) {
	b := newBench(t)
	b.submit("done", queue.Assess)
	b.must(b.claim("w").Finish(t.Context(), nothing))
	b.submit("running", queue.Assess)
	running := b.claim("w")
	b.submit("waiting", queue.Assess)
	b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error {
		n, err := b.Refresh(t.Context(), tx)
		if n != 1 {
			t.Errorf("%d images to assess anew, want 1", n)
		}
		return err
	}))
	b.must(running.Finish(t.Context(), nothing))
	b.is("running", wire.Analyzed, "")
	var order []string
	for l := b.claim("w"); l != nil; l = b.claim("w") {
		order = append(order, l.Image.Digest)
		if l.Image.Digest == "done" {
			b.is("done", wire.Analyzed, "")
			b.must(l.Fail(t.Context(), fault.New(fault.Invalid, "broken")))
			b.is("done", wire.Analyzed, "broken")
			continue
		}
		b.must(l.Finish(t.Context(), nothing))
	}
	if diff := cmp.Diff([]string{"running", "waiting", "done"}, order); diff != "" {
		t.Errorf("order of the work: %s", diff)
	}
}

func TestMendMakesLostWorkAgain(t *testing.T) {
	b := newBench(t)
	b.submit("x", queue.Assess)
	b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.DropWork(t.Context(), b.image("x").ID, "")
		return err
	}))
	if n, err := b.Mend(t.Context()); n != 1 || err != nil {
		t.Errorf("mended %d, %v", n, err)
	}
	if b.claim("w") == nil {
		t.Error("there is no work")
	}
}

// TestAnythingInAnyOrder lets workers and users do what they may in a random
// order, and checks after each step that nothing is lost and no step is taken
// that the diagram does not have.
func TestAnythingInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	b := newBench(t)
	var leases []*queue.Lease
	ignoreLost := func(err error) {
		if err != nil && !errors.Is(err, queue.ErrLost) {
			t.Fatal(err)
		}
	}
	pick := func(do func(*queue.Lease) error) func() {
		return func() {
			if len(leases) > 0 {
				ignoreLost(do(leases[random.IntN(len(leases))]))
			}
		}
	}
	steps := []func(){
		func() { b.submit(fmt.Sprint(random.IntN(4)), []string{queue.Analyze, queue.Assess}[random.IntN(2)]) },
		func() {
			if l := b.claim("w"); l != nil {
				leases = append(leases, l)
			}
		},
		func() { b.now = b.now.Add(time.Duration(random.IntN(90)) * time.Second) },
		func() { _, err := b.Expire(t.Context()); ignoreLost(err) },
		func() {
			if random.IntN(10) == 0 {
				_, err := b.TakeAll(t.Context())
				ignoreLost(err)
			}
		},
		func() {
			ignoreLost(b.store.InTx(t.Context(), func(tx *store.Tx) error { _, err := b.Refresh(t.Context(), tx); return err }))
		},
		pick(func(l *queue.Lease) error { return l.Beat(t.Context(), "x") }),
		pick(func(l *queue.Lease) error { return l.Finish(t.Context(), nothing) }),
		pick(func(l *queue.Lease) error { return l.Fail(t.Context(), errors.New("x")) }),
		pick(func(l *queue.Lease) error { return l.Fail(t.Context(), fault.New(fault.Invalid, "x")) }),
		pick(func(l *queue.Lease) error { return l.Release(t.Context(), "x") }),
		pick(func(l *queue.Lease) error {
			return b.store.InTx(t.Context(), func(tx *store.Tx) error { return l.Advance(t.Context(), tx, queue.Assess) })
		}),
	}
	for range 1500 {
		steps[random.IntN(len(steps))]()
		b.sound()
	}
}

// sound checks what must hold at any time.
func (b *bench) sound() {
	b.t.Helper()
	view, ctx := b.store.View(), context.Background()
	images, err := view.Images(ctx, "a", store.Query{})
	b.must(err)
	for _, i := range images {
		w, err := view.Work(ctx, i.ID)
		has := !errors.Is(err, store.ErrNone)
		switch {
		case i.Status == wire.NotAnalyzed && (!has || w.Token != ""):
			b.t.Fatalf("image %s waits, but its work is %+v", i.Digest, w)
		case i.Status == wire.Analyzing && (!has || w.Token == ""):
			b.t.Fatalf("image %s is analysed by nobody: %+v", i.Digest, w)
		case i.Status == wire.AnalysisFailed && (has || i.Reason == ""):
			b.t.Fatalf("image %s failed without reason %q, or with work %+v", i.Digest, i.Reason, w)
		}
		history, err := view.Transitions(ctx, i.ID, 1000)
		b.must(err)
		at := ""
		for _, m := range history {
			if m.From != at || !queue.Allowed(m.From, m.To) {
				b.t.Fatalf("image %s went from %q to %q while it was %q", i.Digest, m.From, m.To, at)
			}
			at = m.To
		}
		if at != i.Status {
			b.t.Fatalf("image %s is %s, its history ends with %s", i.Digest, i.Status, at)
		}
	}
}
