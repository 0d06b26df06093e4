package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/queue/model"
	"github.com/tidepole/tidepole/importserver/store"
)

// twin is a real queue that takes the steps of the model, and the state that the
// model says it is in.
type twin struct {
	*bench
	machine     model.Machine
	state       model.State
	leases      [model.MaxWorkers]*queue.Lease
	first, last time.Time // the clock was never before the one, nor after the other
	found       store.Work
	foundAt     time.Time
	claims      int
	moves       []string
	path        []model.Step
}

func newTwin(t *testing.T, m model.Machine) *twin {
	t.Helper()
	w := &twin{bench: newBench(t), machine: m}
	w.MaxAttempts = int(m.MaxAttempts)
	w.Bear() // what is put off and counts for all that is a failure in the model
	w.first, w.last = w.now, w.now
	w.OnMove = func(_ context.Context, _ *store.Tx, m store.Transition) error {
		w.moves = append(w.moves, m.From+">"+m.To)
		return nil
	}
	return w
}

// take takes a step, and compares what came of it with what the model says.
func (w *twin) take(c model.Change) {
	w.t.Helper()
	w.moves = nil
	holds := w.state.Workers[c.Step.Worker].Holds
	var err error
	if c.Step.Kind == model.Claim {
		c, err = w.takeUp(c)
	} else {
		err = w.do(c.Step)
	}
	w.path = append(w.path, c.Step)
	if c.Step.Kind >= model.Beat && c.Step.Kind <= model.Release && !holds {
		if !errors.Is(err, queue.ErrLost) {
			w.fatal("%v without the lease: %v", c.Step, err)
		}
	} else if err != nil {
		w.fatal("%v: %v", c.Step, err)
	}
	w.state = c.To
	var moves []string
	for _, m := range c.Moves {
		moves = append(moves, m.From.Wire()+">"+m.To.Wire())
	}
	slices.Sort(moves) // of several images: they have no order
	slices.Sort(w.moves)
	if diff := cmp.Diff(moves, w.moves); diff != "" {
		w.fatal("changes of status, in the model (-) and in truth (+): %s", diff)
	}
	for n := range w.machine.Images {
		if diff := cmp.Diff(modelled(w.state, n), w.rows(n)); diff != "" {
			w.fatal("image %d, in the model (-) and in truth (+): %s", n, diff)
		}
	}
}

func (w *twin) fatal(format string, args ...any) {
	w.t.Helper()
	path := w.path[max(0, len(w.path)-25):]
	w.t.Fatalf(format+"\nafter %v\nwhere %v", append(args, path, w.state)...)
}

// row is what the model says of an image's rows, in the words of the code.
type row struct {
	Status   string
	There    bool
	Stage    string
	Attempts int
	Again    bool
	Holder   string
	Ready    bool // to be claimed
	Over     bool // the lease
}

func modelled(s model.State, n int) row {
	i := s.Images[n]
	r := row{Status: i.Status.Wire()}
	if k := i.Work; k.There {
		r.There, r.Stage, r.Attempts, r.Again, r.Over = true, k.Stage.String(), int(k.Attempts), k.Again, k.Over
		r.Ready = k.Token == 0 && k.Ready
		if k.Token != 0 {
			r.Holder = "nobody"
		}
		for w, l := range s.Workers {
			if l.Holds && int(l.Image) == n {
				r.Holder = fmt.Sprint("worker ", w)
			}
		}
	}
	return r
}

func (w *twin) rows(n int) row {
	w.t.Helper()
	i, err := w.store.View().Image(w.t.Context(), "a", fmt.Sprint(n))
	if errors.Is(err, store.ErrNone) {
		return row{}
	}
	w.must(err)
	r := row{Status: i.Status}
	k, err := w.store.View().Work(w.t.Context(), i.ID)
	if errors.Is(err, store.ErrNone) {
		return r
	}
	w.must(err)
	r.There, r.Stage, r.Attempts, r.Again = true, k.Stage, k.Attempts, k.Again
	if k.Token == "" {
		r.Ready = !k.Delayed || !k.NotBefore.After(w.now)
		return r
	}
	r.Over, r.Holder = k.ExpiresAt.Before(w.now), "nobody"
	for n, l := range w.leases {
		if l != nil && l.Work.Worker == k.Worker && l.Work.Image == k.Image {
			r.Holder = fmt.Sprint("worker ", n)
		}
	}
	return r
}

// do is the code that a step stands for.
func (w *twin) do(s model.Step) error {
	ctx, lease, digest := w.t.Context(), w.leases[s.Worker], fmt.Sprint(s.Image)
	keep := func(err error) error {
		settled := s.Kind == model.Finish || s.Kind == model.Fail || s.Kind == model.GiveUp || s.Kind == model.PutOff || s.Kind == model.Release
		if err != nil || settled && !s.Lost {
			w.leases[s.Worker] = nil
		}
		return err
	}
	switch s.Kind {
	case model.SubmitAnalyze:
		w.submit(digest, queue.Analyze)
	case model.SubmitAssess:
		w.submit(digest, queue.Assess)
	case model.Delete:
		return w.store.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteImage(ctx, w.image(digest).ID) })
	case model.Cancel:
		w.request(digest, w.Cancel)
	case model.Retry:
		w.request(digest, w.Retry)
	case model.Refresh:
		return w.store.InTx(ctx, func(tx *store.Tx) error { _, err := w.Queue.Refresh(ctx, tx); return err })
	case model.Beat:
		return keep(lease.Beat(ctx, "at it"))
	case model.Advance:
		before := *lease
		err := lease.Advance(ctx, queue.Assess, nothing)
		if s.Lost {
			*lease = before
		}
		return keep(err)
	case model.Finish:
		return keep(lease.Finish(ctx, nothing))
	case model.Fail:
		return keep(lease.Fail(ctx, errors.New("broken")))
	case model.GiveUp:
		return keep(lease.Fail(ctx, fault.New(fault.Invalid, "broken")))
	case model.PutOff:
		return keep(lease.PutOff(ctx, errors.New("the blobs are away")))
	case model.Release:
		return keep(lease.Release(ctx, "ending"))
	case model.Look:
		return w.look(digest)
	case model.Take:
		if err := w.TakeBack(ctx, w.found, w.foundAt); !errors.Is(err, queue.ErrLost) {
			return err
		}
	case model.TakeAll:
		_, err := w.TakeAll(ctx)
		return err
	case model.Crash:
		w.leases[s.Worker] = nil
	case model.Forward:
		w.last = w.last.Add(time.Hour)
		w.now = w.last
	case model.Back:
		w.first = w.first.Add(-time.Hour)
		w.now = w.first
	default:
		return fmt.Errorf("nothing stands for %v", s)
	}
	return nil
}

// takeUp claims. The model lets any image be claimed, the queue has an order: the
// step is that to the image which the queue chose.
func (w *twin) takeUp(c model.Change) (model.Change, error) {
	w.claims++
	l, err := w.Claim(w.t.Context(), fmt.Sprint("claim ", w.claims))
	if err != nil || l == nil {
		return c, fmt.Errorf("nothing was claimed: %w", err)
	}
	if !c.Step.Lost {
		w.leases[c.Step.Worker] = l
	}
	step := c.Step
	for _, c := range w.machine.Changes(w.state) {
		if step.Image = c.Step.Image; c.Step == step && fmt.Sprint(step.Image) == l.Image.Digest {
			return c, nil
		}
	}
	return c, fmt.Errorf("image %s cannot be claimed", l.Image.Digest)
}

func (w *twin) look(digest string) error {
	w.foundAt = w.now
	all, err := w.store.View().Leased(w.t.Context(), w.now)
	for _, k := range all {
		if k.Image == w.image(digest).ID {
			w.found = k
			return err
		}
	}
	return fmt.Errorf("the lease on image %s is not found: %w", digest, err)
}

// TestCodeTakesEveryStepOfTheModel walks through all steps that one worker, its
// users and its mishaps can take on one image, and sees after each that the rows
// are as the model says.
func TestCodeTakesEveryStepOfTheModel(t *testing.T) {
	t.Parallel()
	m := model.Machine{Images: 1, Workers: 1, MaxAttempts: 2}
	w, tour, steps := newTwin(t, m), newTour(m), 0
	for c := tour.next(w.state); c != nil; c = tour.next(w.state) {
		w.take(*c)
		steps++
	}
	if n, err := w.Mend(t.Context()); n != 0 || err != nil {
		w.fatal("%d images had lost their work: %v", n, err)
	}
	t.Logf("%d states, %d steps, taken on a way of %d", len(tour.left), tour.steps, steps)
}

// TestCodeWalksTheModel takes steps of the larger model at random.
func TestCodeWalksTheModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newTwin(t, model.Machine{Images: 2, Workers: 3, MaxAttempts: 3})
	for range 1500 {
		changes := w.machine.Changes(w.state)
		w.take(changes[random.IntN(len(changes))])
	}
}
