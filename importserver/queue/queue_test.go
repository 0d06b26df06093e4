package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// bench is a queue with a clock that tests turn.
type bench struct {
	*queue.Queue
	t     *testing.T
	store *store.Store
	now   time.Time
	made  int // images that queued made
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchOn(t, opened(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db")))
}

func benchOn(t *testing.T, s *store.Store) *bench {
	b := &bench{t: t, store: s, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.Queue = queue.New(s, queue.Options{
		LeaseTime: time.Minute, MaxAttempts: 3, RetryDelay: 10 * time.Second,
		Now: func() time.Time { return b.now }, Host: "host", Version: "v",
	})
	return b
}

// everywhere makes a test on each database.
func everywhere(t *testing.T, test func(*testing.T, *bench)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newBench(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, benchOn(t, opened(t, storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))))
	})
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
		return b.Submit(b.t.Context(), tx, i, stage, "asked for", queue.Interactive)
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
		">not_analyzed", "not_analyzed>analyzing", "not_analyzed>analysis_failed",
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
	b.must(l.Advance(t.Context(), queue.Assess, nothing))
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
			return slow.Advance(t.Context(), queue.Assess, nothing)
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

// Two processes whose clocks differ by more than a lease believe each other's workers.
func TestClocksThatDiffer(t *testing.T) {
	url := storetest.Schema(t, os.Getenv(storetest.PostgresVariable))
	var all []*bench
	for _, off := range []time.Duration{0, 70 * time.Second, -70 * time.Second} {
		b := benchOn(t, opened(t, url))
		clock := b.store.Clock(func() time.Time { return time.Now().Add(off) })
		if _, err := clock.Set(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Now = clock.Now
		all = append(all, b)
	}
	for n, b := range all {
		image := fmt.Sprint(n)
		b.submit(image, queue.Assess)
		l := b.claim("w")
		if l == nil {
			t.Fatal("what was asked for now is due later")
		}
		for range 3 {
			b.must(l.Beat(t.Context(), ""))
			for _, other := range all {
				if taken, err := other.Expire(t.Context()); taken != 0 || err != nil {
					t.Fatalf("%d leases of a worker that lives were ended, %v", taken, err)
				}
			}
		}
		b.must(l.Finish(t.Context(), nothing))
		b.is(image, wire.Analyzed, "")
	}
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

// What is put off is done once what it waits for is there, however long that takes.
func TestWhatIsPutOffDoesNotCount(t *testing.T) {
	b := newBench(t)
	b.submit("new", queue.Assess)
	b.submit("done", queue.Assess)
	l := b.claim("w")
	if l.Image.Digest != "new" {
		t.Fatalf("claimed %s", l.Image.Digest)
	}
	b.must(b.claim("w").Finish(t.Context(), nothing))
	b.must(l.PutOff(t.Context(), errors.New("the blobs are away")))
	b.is("new", wire.NotAnalyzed, "assess: put off: the blobs are away")
	b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error { _, err := b.Refresh(t.Context(), tx); return err }))
	b.must(b.claim("w").PutOff(t.Context(), errors.New("the blobs are away")))
	b.is("done", wire.Analyzed, "assess: put off: the blobs are away")
	for n, wait := range []int{10, 20, 40, 60, 60, 60, 60} {
		b.now = b.now.Add(time.Duration(wait)*time.Second - time.Second)
		if b.claim("w") != nil {
			t.Errorf("attempt %d came too early", n+2)
		}
		b.now = b.now.Add(time.Second)
		for range 2 {
			l := b.claim("w")
			if l == nil || l.Work.Attempts != 1 {
				t.Fatalf("attempt %d: %+v", n+2, l)
			}
			b.must(l.PutOff(t.Context(), errors.New("the blobs are away")))
		}
	}
	b.now = b.now.Add(time.Minute)
	for range 2 {
		b.must(b.claim("w").Finish(t.Context(), nothing))
	}
	b.is("new", wire.Analyzed, "")
	b.is("done", wire.Analyzed, "")
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

// Work for an image that has failed, however it came to be, is in nobody's way.
func TestWorkForAFailedImageIsDropped(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.submit("failed", queue.Assess)
		b.must(b.claim("w").Fail(t.Context(), fault.New(fault.Invalid, "broken")))
		failed := b.image("failed")
		b.must(b.store.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.PutWork(t.Context(), store.Work{Image: failed.ID, Account: failed.Account, Stage: queue.Assess, CreatedAt: b.now})
		}))
		b.submit("next", queue.Assess)
		if l := b.claim("w"); l == nil || l.Image.Digest != "next" {
			t.Errorf("claimed %+v", l)
		}
		b.is("failed", wire.AnalysisFailed, "broken")
		if _, err := b.store.View().Work(t.Context(), failed.ID); !errors.Is(err, store.ErrNone) {
			t.Errorf("its work: %v", err)
		}
	})
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
		func() { b.anyOf(random, b.Cancel) },
		func() { b.anyOf(random, b.Retry) },
		func() {
			b.anyOf(random, func(ctx context.Context, tx *store.Tx, i store.Image, _ string) (bool, error) {
				return b.Hasten(ctx, tx, i)
			})
		},
		pick(func(l *queue.Lease) error { return l.Beat(t.Context(), "x") }),
		pick(func(l *queue.Lease) error { return l.Finish(t.Context(), nothing) }),
		pick(func(l *queue.Lease) error { return l.Fail(t.Context(), errors.New("x")) }),
		pick(func(l *queue.Lease) error { return l.Fail(t.Context(), fault.New(fault.Invalid, "x")) }),
		pick(func(l *queue.Lease) error { return l.Release(t.Context(), "x") }),
		pick(func(l *queue.Lease) error {
			return l.Advance(t.Context(), queue.Assess, nothing)
		}),
	}
	for range 2000 {
		steps[random.IntN(len(steps))]()
		b.sound()
	}
}

// anyOf makes a request on one of the four images, if it is there.
func (b *bench) anyOf(random *rand.Rand, do func(context.Context, *store.Tx, store.Image, string) (bool, error)) {
	if digest := fmt.Sprint(random.IntN(4)); b.has(digest) {
		b.request(digest, do)
	}
}

func (b *bench) has(digest string) bool {
	_, err := b.store.View().Image(b.t.Context(), "a", digest)
	return err == nil
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

// A clock that was ahead for a while leaves no work waiting for what it said.
func TestWorkDoesNotWaitForATimeThatWasWrong(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		right := b.now
		b.submit("x", queue.Analyze)
		b.now = right.Add(time.Hour)
		b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
		b.now = right
		b.submit("y", queue.Analyze)
		b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
		if l := b.claim("w"); l != nil {
			t.Fatalf("%s is claimed before its time", l.Image.Digest)
		}
		if n, err := b.Expire(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d leases were ended, %v", n, err)
		}
		if l := b.claim("w"); l == nil || l.Image.Digest != "x" {
			t.Errorf("the image that waits for a time that is far away is not claimed, but %v", l)
		}
		if l := b.claim("w"); l != nil {
			t.Errorf("%s is claimed, whose time is near", l.Image.Digest)
		}
	})
}

// A lease that nobody holds, and that was prolonged while the clock was ahead, is not
// waited for; one whose holder lives is his.
func TestLeaseOfAClockThatWasWrong(t *testing.T) {
	b := newBench(t)
	right := b.now
	b.submit("dead", queue.Assess)
	b.submit("alive", queue.Assess)
	b.now = right.Add(time.Hour)
	dead, alive := b.claim("w"), b.claim("w")
	b.now = right
	look := func(want int) {
		t.Helper()
		if n, err := b.Expire(t.Context()); n != want || err != nil {
			t.Fatalf("%d leases were ended, want %d; %v", n, want, err)
		}
	}
	told := b.Rechecked()
	look(0)
	select {
	case <-told:
		b.must(alive.Beat(t.Context(), ""))
	default:
		t.Fatal("nobody was told to look")
	}
	look(1)
	b.is("dead", wire.NotAnalyzed, "the clock was set back")
	if err := dead.Beat(t.Context(), ""); !errors.Is(err, queue.ErrLost) {
		t.Errorf("the lease that was ended: %v", err)
	}
	look(0)
	b.must(alive.Finish(t.Context(), nothing))
}

// Where others share the store, a lease that lasts too long is nobody's once it was seen
// unchanged for as long as two leases last, whatever any clock says.
func TestLeaseOfASharedClockThatWasWrong(t *testing.T) {
	b := benchOn(t, opened(t, storetest.Schema(t, os.Getenv(storetest.PostgresVariable))))
	right, counted := b.now, time.Now()
	b.Count(func() time.Time { return counted })
	for _, name := range []string{"dead", "alive", "thawed"} {
		b.submit(name, queue.Assess)
	}
	b.now = right.Add(time.Hour)
	dead, alive, thawed := b.claim("w"), b.claim("w"), b.claim("w")
	b.now = right
	look := func(after time.Duration, want int) {
		t.Helper()
		counted = counted.Add(after)
		if n, err := b.Expire(t.Context()); n != want || err != nil {
			t.Fatalf("%d leases were ended, want %d; %v", n, want, err)
		}
	}
	look(0, 0)
	b.must(alive.Beat(t.Context(), ""))
	b.now = right.Add(time.Hour + time.Second)
	b.must(thawed.Beat(t.Context(), "")) // by a clock that is wrong still
	b.now = right
	look(2*time.Minute-time.Second, 0)
	look(time.Second, 1)
	b.is("dead", wire.NotAnalyzed, "the clock was set back")
	if err := dead.Beat(t.Context(), ""); !errors.Is(err, queue.ErrLost) {
		t.Errorf("the lease that was ended: %v", err)
	}
	look(time.Minute, 0)
	look(time.Minute, 1)
	b.is("thawed", wire.NotAnalyzed, "the clock was set back")
	b.must(alive.Finish(t.Context(), nothing))
}

// A heartbeat that comes when it is decided already that a lease is nobody's saves it.
func TestAHeartbeatSavesALeaseThatLastsTooLong(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		right, counted := b.now, time.Now()
		between := func() {}
		b.Count(func() time.Time { between(); counted = counted.Add(3 * time.Minute); return counted })
		b.submit("x", queue.Assess)
		b.now = right.Add(time.Hour)
		l := b.claim("w")
		b.now = right
		if n, err := b.Expire(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d leases were ended, %v", n, err)
		}
		between = func() { b.must(l.Beat(t.Context(), "")) }
		if n, err := b.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("%d leases were ended, %v", n, err)
		}
		b.must(l.Finish(t.Context(), nothing))
	})
}

// One lease that cannot be ended keeps no other from it.
func TestLeasesAreTakenBackBesideOneThatCannotBe(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"one", "ill", "two"} {
		b.submit(name, queue.Analyze)
		b.claim("w of " + name)
	}
	ill := b.image("ill").ID
	b.OnMove = func(_ context.Context, _ *store.Tx, m store.Transition) error {
		if m.Image == ill {
			return errors.New("its rows are damaged")
		}
		return nil
	}
	b.now = b.now.Add(time.Hour)
	if n, err := b.Expire(t.Context()); n != 2 || err == nil || !strings.Contains(err.Error(), "its rows are damaged") {
		t.Errorf("%d leases were ended, %v", n, err)
	}
	b.is("one", wire.NotAnalyzed, "fell silent")
	b.is("ill", wire.Analyzing, "taken up by w of ill")
	b.is("two", wire.NotAnalyzed, "fell silent")
}

// A step to another stage that was undone has not happened.
func TestAStageThatIsUndoneCountsNothing(t *testing.T) {
	b := newBench(t)
	b.submit("x", queue.Analyze)
	b.must(b.claim("w").Fail(t.Context(), errors.New("no luck")))
	b.now = b.now.Add(10 * time.Second)
	l := b.claim("w")
	full := errors.New("the disk is full")
	if err := l.Advance(t.Context(), queue.Assess, func(*store.Tx) error { return full }); !errors.Is(err, full) {
		t.Fatal(err)
	}
	if l.Work.Stage != queue.Analyze || l.Work.Attempts != 2 {
		t.Errorf("the lease says %+v", l.Work)
	}
	b.must(l.Fail(t.Context(), full))
	b.is("x", wire.NotAnalyzed, "analyze: attempt 2 of 3: the disk is full")
	b.now = b.now.Add(20*time.Second - time.Microsecond)
	if b.claim("w") != nil {
		t.Error("the delay began anew")
	}
	b.now = b.now.Add(time.Microsecond)
	if b.claim("w") == nil {
		t.Error("it waits for longer")
	}
}

// An image at whose attempts what the server needs is away each time fails in the end.
func TestWhatIsPutOffForEverFails(t *testing.T) {
	b := newBench(t)
	b.submit("poison", queue.Assess)
	away := errors.New("the blobs are away")
	for n := range 3 * 11 {
		l := b.claim("w")
		if l == nil || l.Work.Attempts != n/11+1 {
			t.Fatalf("claim %d: %+v", n, l)
		}
		b.must(l.PutOff(t.Context(), away))
		b.now = b.now.Add(time.Minute)
	}
	b.is("poison", wire.AnalysisFailed, "assess: gave up after 3 attempts: ")
}
