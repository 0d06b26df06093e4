package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Lease is the right to work on one image, for as long as it is kept alive.
type Lease struct {
	Work  store.Work  // as it was claimed, but for Stage, which Advance changes
	Image store.Image // as it was claimed

	queue   *Queue
	token   string
	service string
	first   store.Work // as it was claimed
	vain    bool       // there was nothing to do

	finishing *atomic.Bool // or finished
}

// begin reads the image of a claimed item and marks that work on it has begun.
func (l *Lease) begin(ctx context.Context, tx *store.Tx) error {
	i, err := tx.ImageByID(ctx, l.Work.Image)
	if err != nil {
		return err
	}
	l.service, l.first = "worker", l.Work
	switch i.Status {
	case wire.NotAnalyzed:
		i.Attempts++
		m := l.move(i, wire.Analyzing, "taken up by "+l.Work.Worker)
		if err := l.queue.step(ctx, tx, m); err != nil {
			return err
		}
		i.Status = wire.Analyzing
	case wire.AnalysisFailed:
		// There should be none. If it stayed, it would be first in line for ever.
		if _, err := tx.DropWork(ctx, i.ID, l.token); err != nil {
			return err
		}
		l.vain = true
	}
	l.Image = i
	return nil
}

// move is the step of an image that is under this lease.
func (l *Lease) move(i store.Image, to, reason string) store.Transition {
	m := l.queue.move(i, to, l.service, reason)
	m.Worker = l.Work.Worker
	return m
}

// Beat keeps the lease alive and tells what is being done. ErrLost: stop, unless
// Finishing.
func (l *Lease) Beat(ctx context.Context, progress string) error {
	return l.fenced(ctx, func(tx *store.Tx) (bool, error) {
		return tx.Beat(ctx, l.Work.Image, l.token, clean(progress, 200), l.queue.Now().Add(l.queue.LeaseTime))
	})
}

// Finishing tells whether Finish is at it, or has ended the lease: what that says is
// what counts then.
func (l *Lease) Finishing() bool { return l.finishing.Load() }

// fenced runs a change in a transaction of its own that holds only if the lease does.
func (l *Lease) fenced(ctx context.Context, change func(*store.Tx) (bool, error)) error {
	return l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		ok, err := change(tx)
		if err == nil && !ok {
			err = ErrLost
		}
		return err
	})
}

// Holds fails with ErrLost in a transaction that comes too late.
func (l *Lease) Holds(ctx context.Context, tx *store.Tx) error {
	ok, err := tx.Holds(ctx, l.Work.Image, l.token)
	if err == nil && !ok {
		err = ErrLost
	}
	return err
}

// Advance takes the work to another stage and writes what that one needs, in one
// transaction.
func (l *Lease) Advance(ctx context.Context, stage string, write func(*store.Tx) error) error {
	err := l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		ok, err := tx.Advance(ctx, l.Work.Image, l.token, stage)
		if err == nil {
			err = lostUnless(ok)
		}
		if err != nil {
			return err
		}
		return write(tx)
	})
	if err == nil { // not before: what is undone has not happened
		l.Work.Stage, l.Work.Attempts = stage, 1
	}
	return err
}

// Finish writes the work's result and removes the item, in one transaction. The
// image is analyzed afterwards. If the work was asked for again meanwhile, the
// result is written and the item stays, free.
func (l *Lease) Finish(ctx context.Context, write func(*store.Tx) error) error {
	again := false
	l.finishing.Store(true)
	err := l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		done, err := tx.FinishWork(ctx, l.Work.Image, l.token)
		if err != nil {
			return err
		}
		if again = !done; again {
			ok, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now(), -l.Work.Attempts)
			if err == nil {
				err = lostUnless(ok)
			}
			if err != nil {
				return err
			}
		}
		if err := write(tx); err != nil {
			return err
		}
		if l.Image.Status == wire.Analyzed { // matched anew: not kept, as that is done to all images again and again
			return tx.SetReason(ctx, l.Work.Image, "")
		}
		if err := l.queue.keep(ctx, tx, l.first, store.AttemptDone, ""); err != nil {
			return err
		}
		return l.queue.step(ctx, tx, l.move(l.Image, wire.Analyzed, ""))
	})
	switch {
	case err != nil:
		l.finishing.Store(false)
	case again:
		l.queue.Announce()
	}
	return err
}

func lostUnless(ok bool) error {
	if ok {
		return nil
	}
	return ErrLost
}

// Release gives the work back unfinished, to be taken up by anyone at once. It
// does not count as an attempt.
func (l *Lease) Release(ctx context.Context, reason string) error {
	err := l.queue.store.InTx(ctx, func(tx *store.Tx) error { return l.giveBack(ctx, tx, reason, 0) })
	if err == nil {
		l.queue.Announce()
	}
	return err
}

// maxPutOff is the longest that work waits that was put off: what it waits for may be
// back at any time.
const maxPutOff = time.Minute

// maxPutOffs is how many attempts in a row are put off before one counts: the image
// itself may be what brings the server down.
const maxPutOffs = 10

// PutOff ends an attempt that failed because what the server itself needs was not
// there, whatever image it was for. It does not count, up to maxPutOffs in a row; the
// next waits longer after each, up to a minute.
func (l *Lease) PutOff(ctx context.Context, cause error) error {
	return l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		all, err := tx.Attempts(ctx, l.Work.Image)
		if err != nil {
			return err
		}
		n := 0
		for n < min(len(all), l.queue.putOffs) && all[len(all)-1-n].Outcome == store.AttemptGivenBack {
			n++
		}
		delay := min(l.queue.RetryDelay<<min(n, 10), maxPutOff)
		if n == l.queue.putOffs {
			return l.fail(ctx, tx, cause, delay, nil)
		}
		return l.giveBack(ctx, tx, fmt.Sprintf("%s: put off: %s", l.Work.Stage, describe(cause)), delay)
	})
}

// giveBack frees the work for an attempt after a delay, and does not count this one.
func (l *Lease) giveBack(ctx context.Context, tx *store.Tx, reason string, delay time.Duration) error {
	ok, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now().Add(delay), -1)
	if err != nil || !ok {
		return errors.Join(err, lostUnless(ok))
	}
	if err := l.queue.keep(ctx, tx, l.Work, store.AttemptGivenBack, reason); err != nil {
		return err
	}
	return l.back(ctx, tx, reason)
}

// maxDelay is the longest that work waits for its next attempt.
const maxDelay = 10 * time.Minute

// Fail ends an attempt that failed with cause. What another attempt cannot help
// fails the image at once, and so does one attempt too many; else the work waits
// for the next.
func (l *Lease) Fail(ctx context.Context, cause error) error {
	n := min(max(l.Work.Attempts-1, 0), 10)
	return l.end(ctx, cause, min(l.queue.RetryDelay<<n, maxDelay), nil)
}

// end is Fail with a delay of one's own; with silent given, only if that says of the work
// as it is in the transaction that its worker is.
func (l *Lease) end(ctx context.Context, cause error, delay time.Duration, silent func(store.Work) bool) error {
	return l.queue.store.InTx(ctx, func(tx *store.Tx) error { return l.fail(ctx, tx, cause, delay, silent) })
}

// fail is end within a transaction.
func (l *Lease) fail(ctx context.Context, tx *store.Tx, cause error, delay time.Duration, silent func(store.Work) bool) error {
	w, err := tx.Work(ctx, l.Work.Image)
	if err != nil || w.Token != l.token {
		return errors.Join(ignoreNone(err), ErrLost)
	}
	if silent != nil && !silent(w) {
		return ErrLost
	}
	if l.Image, err = tx.ImageByID(ctx, l.Work.Image); err != nil {
		return err
	}
	reason, outcome := describe(cause), store.AttemptFailed
	if silent != nil {
		outcome = store.AttemptLost
	}
	if err := l.queue.keep(ctx, tx, w, outcome, reason); err != nil {
		return err
	}
	if Permanent(cause) {
		return l.giveUp(ctx, tx, w, fmt.Sprintf("%s: %s", w.Stage, reason))
	}
	if w.Attempts >= l.queue.MaxAttempts {
		reasons, err := l.queue.reasons(ctx, tx, w)
		if err != nil {
			return err
		}
		return l.giveUp(ctx, tx, w, fmt.Sprintf("%s: gave up after %d attempts: %s", w.Stage, w.Attempts, reasons))
	}
	if _, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now().Add(delay), 0); err != nil {
		return err
	}
	return l.back(ctx, tx, fmt.Sprintf("%s: attempt %d of %d: %s", w.Stage, w.Attempts, l.queue.MaxAttempts, reason))
}

func ignoreNone(err error) error {
	if errors.Is(err, store.ErrNone) {
		return nil
	}
	return err
}

// back puts an image that was being analysed back to not_analyzed.
func (l *Lease) back(ctx context.Context, tx *store.Tx, reason string) error {
	if l.Image.Status != wire.Analyzing {
		return tx.SetReason(ctx, l.Work.Image, reason)
	}
	return l.queue.step(ctx, tx, l.move(l.Image, wire.NotAnalyzed, reason))
}

// giveUp removes the work and says in the image's record why. An image that was to
// be assessed anew, and was asked for again meanwhile, is: what is new may mend it.
func (l *Lease) giveUp(ctx context.Context, tx *store.Tx, w store.Work, reason string) error {
	if l.Image.Status == wire.Analyzed && w.Again {
		_, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now(), -w.Attempts)
		return errors.Join(err, tx.SetReason(ctx, l.Work.Image, reason))
	}
	if _, err := tx.DropWork(ctx, l.Work.Image, l.token); err != nil {
		return err
	}
	if l.Image.Status != wire.Analyzing {
		return tx.SetReason(ctx, l.Work.Image, reason)
	}
	return l.queue.step(ctx, tx, l.move(l.Image, wire.AnalysisFailed, reason))
}

// Permanent tells whether another attempt would fail in the same way.
func Permanent(err error) bool {
	switch fault.Of(err) {
	case fault.Internal, fault.Unavailable:
		return false
	}
	return true
}

// describe is an error as it stands in an image's record.
func describe(err error) string {
	text := clean(err.Error(), 1000)
	if hint := fault.Hint(err); hint != "" {
		text += " (" + clean(hint, 300) + ")"
	}
	return text
}

// clean makes one bounded line of a text that may come from anywhere.
func clean(text string, limit int) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
