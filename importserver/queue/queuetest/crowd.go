package queuetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// crowd is how many work at once.
const crowd = 8

func manyClaimers(t *testing.T, b *bench) {
	const images = 48
	for n := range images {
		b.submit(fmt.Sprint(n), queue.Interactive)
	}
	var lock sync.Mutex
	claimed := map[string]int{}
	b.together(func(n int) error {
		q := b.queues[n%2]
		for {
			l, err := q.Claim(t.Context(), fmt.Sprint(n))
			if err != nil {
				return err
			}
			if l == nil {
				if any, err := b.stores[0].View().HasWork(t.Context(), b.now()); err != nil || !any {
					return err
				}
				continue // others had kept it just then
			}
			lock.Lock()
			claimed[l.Image.Digest]++
			lock.Unlock()
			if err := l.Finish(t.Context(), func(*store.Tx) error { return nil }); err != nil {
				return err
			}
		}
	})
	for n := range images {
		if times := claimed[fmt.Sprint(n)]; times != 1 {
			t.Errorf("%d was claimed %d times", n, times)
		}
		b.is(fmt.Sprint(n), wire.Analyzed)
	}
}

// together runs do for each of the crowd, and fails the test for what they return.
func (b *bench) together(do func(n int) error) {
	b.t.Helper()
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() {
			if err := do(n); err != nil {
				b.t.Error(err)
			}
		})
	}
	all.Wait()
}

// anything has a crowd do what users, workers and housekeepers do, at random, and
// then lets all work come to its end.
func anything(t *testing.T, b *bench) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, s := range b.stores {
		if err := s.Rendering(t.Context(), "1", shown); err != nil {
			t.Fatal(err)
		}
	}
	b.together(func(n int) error {
		p := &participant{bench: b, random: rand.New(rand.NewPCG(seed, uint64(n))), process: n % 2, name: fmt.Sprint(n)}
		for range 40 {
			if err := p.step(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	b.drain()
	images, err := b.stores[0].View().Images(t.Context(), "a", store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var records []string
	err = b.stores[0].View().Records(t.Context(), "a", store.RecordQuery{}, func(some []byte) error {
		records = append(records, strings.Split(string(some), store.Separator)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, i := range images {
		if i.Status != wire.Analyzed && i.Status != wire.AnalysisFailed {
			t.Errorf("%s ends %s: %s", i.Digest, i.Status, i.Reason)
		}
		want = append(want, b.history(i))
	}
	if slices.Sort(want); !slices.Equal(want, slices.Sorted(slices.Values(records))) {
		t.Errorf("shown: %q\nwant:  %q", records, want)
	}
}

// shown is an image's row, its tags and the number of its steps.
func shown(i store.Image, tags []store.Tag, steps []store.Transition) (store.Rendered, error) {
	text := fmt.Sprintf("%s %s %d tags %d steps", i.Digest, i.Status, len(tags), len(steps))
	return store.Rendered{Record: []byte(text), Reference: []byte("{}"), Tags: make([][]byte, len(tags))}, nil
}

// history fails the test where an image went a way that is none, and gives what is
// to be shown of it.
func (b *bench) history(i store.Image) string {
	b.t.Helper()
	steps, err := b.stores[0].View().Transitions(b.t.Context(), i.ID, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	tags, err := b.stores[0].View().Tags(b.t.Context(), i.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	last := steps[0].From
	for n, s := range steps {
		if !queue.Allowed(s.From, s.To) || s.From != last {
			b.t.Errorf("%s: step %d leads from %q to %q, after %q", i.Digest, n, s.From, s.To, last)
		}
		last = s.To
	}
	if last != i.Status {
		b.t.Errorf("%s is %s, and its last step led to %s", i.Digest, i.Status, last)
	}
	r, err := shown(i, tags, steps)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(r.Record)
}

// drain has all work done: what is leased falls silent, and what waits gets its time.
func (b *bench) drain() {
	b.t.Helper()
	ctx := b.t.Context()
	for range 1000 {
		b.pass(time.Hour)
		if _, err := b.queues[0].Expire(ctx); err != nil {
			b.t.Fatal(err)
		}
		l := b.claim(0)
		if l == nil {
			if n, err := b.queues[1].Mend(ctx); err != nil || n != 0 {
				b.t.Fatalf("%d images had lost their work, %v", n, err)
			}
			return
		}
		b.finish(l)
	}
	b.t.Fatal("the work does not end")
}

// participant is one of a crowd.
type participant struct {
	*bench
	random  *rand.Rand
	process int
	name    string
	leases  []*queue.Lease
}

// step does one thing. That a lease is lost, or an image gone, is no error.
func (p *participant) step(ctx context.Context) error {
	var err error
	switch n := p.random.IntN(100); {
	case n < 20:
		err = p.ask(ctx)
	case n < 45:
		err = p.take(ctx)
	case n < 75:
		err = p.settle(ctx)
	case n < 80:
		p.pass(time.Duration(p.random.IntN(40)) * time.Second)
	case n < 85:
		_, err = p.queues[p.process].Expire(ctx)
	case n < 90:
		_, err = p.queues[p.process].Mend(ctx)
	case n < 94:
		err = p.tx(ctx, func(tx *store.Tx) error {
			_, err := p.queues[p.process].Refresh(ctx, tx)
			return err
		})
	case n < 96:
		_, err = p.stores[p.process].DropUnused(ctx)
	default:
		err = p.meddle(ctx, n)
	}
	if errors.Is(err, queue.ErrLost) || errors.Is(err, store.ErrNone) {
		return nil
	}
	return err
}

func (p *participant) tx(ctx context.Context, do func(*store.Tx) error) error {
	return p.stores[p.process].InTx(ctx, do)
}

func (p *participant) digest() string { return fmt.Sprint(p.random.IntN(6)) }

// ask asks for an image under a tag of this participant's own.
func (p *participant) ask(ctx context.Context) error {
	digest, priority := p.digest(), []int{queue.Interactive, queue.Bulk}[p.random.IntN(2)]
	return p.tx(ctx, func(tx *store.Tx) error {
		if err := submit(ctx, p.queues[p.process], tx, digest, priority); err != nil {
			return err
		}
		i, err := tx.Image(ctx, "a", digest)
		if err != nil {
			return err
		}
		return tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "p", Tag: p.name, CreatedAt: p.now(), DetectedAt: p.now()})
	})
}

func (p *participant) take(ctx context.Context) error {
	l, err := p.queues[p.process].Claim(ctx, p.name)
	if l != nil {
		p.leases = append(p.leases, l)
	}
	return err
}

// settle ends, or prolongs, the oldest of the leases.
func (p *participant) settle(ctx context.Context) error {
	if len(p.leases) == 0 {
		return nil
	}
	l := p.leases[0]
	how := p.random.IntN(6)
	if how == 0 {
		return l.Beat(ctx, "at it")
	}
	p.leases = p.leases[1:]
	switch how {
	case 1:
		return l.Release(ctx, "shutting down")
	case 2:
		return l.Fail(ctx, fault.New(fault.Unavailable, "no answer"))
	case 3:
		return l.Fail(ctx, fault.New(fault.NotFound, "no such image"))
	}
	packages := map[string]store.Package{}
	for range 20 {
		name := fmt.Sprint("p", p.random.IntN(200))
		packages[name] = store.Package{Type: "deb", Name: name, Version: "1"}
	}
	return l.Finish(ctx, func(tx *store.Tx) error { // in any order, as maps are
		return tx.SetPackages(ctx, l.Image.ID, slices.Collect(maps.Values(packages)))
	})
}

// meddle is what users do besides.
func (p *participant) meddle(ctx context.Context, n int) error {
	return p.tx(ctx, func(tx *store.Tx) error {
		i, err := tx.Image(ctx, "a", p.digest())
		if err != nil {
			return err
		}
		switch n {
		case 96, 97:
			return tx.DeleteImage(ctx, i.ID)
		case 98:
			_, err = p.queues[p.process].Cancel(ctx, tx, i, "somebody")
		default:
			_, err = p.queues[p.process].Retry(ctx, tx, i, "somebody")
		}
		return err
	})
}
