package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
}

// begin reads the image of a claimed item and marks that work on it has begun.
func (l *Lease) begin(ctx context.Context, tx *store.Tx) error {
	i, err := tx.ImageByID(ctx, l.Work.Image)
	if err != nil {
		return err
	}
	l.service = "worker"
	switch i.Status {
	case wire.NotAnalyzed:
		i.Attempts++
		m := l.queue.move(i, wire.Analyzing, l.service, "taken up by "+l.Work.Worker)
		if err := l.queue.step(ctx, tx, m); err != nil {
			return err
		}
		i.Status = wire.Analyzing
	case wire.AnalysisFailed:
		return fmt.Errorf("image %s has failed, yet there is work for it", i.Digest)
	}
	l.Image = i
	return nil
}

// Beat keeps the lease alive and tells what is being done. ErrLost: stop.
func (l *Lease) Beat(ctx context.Context, progress string) error {
	return l.fenced(ctx, func(tx *store.Tx) (bool, error) {
		return tx.Beat(ctx, l.Work.Image, l.token, clean(progress, 200), l.queue.Now().Add(l.queue.LeaseTime))
	})
}

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

// Advance takes the work to another stage within the caller's transaction.
func (l *Lease) Advance(ctx context.Context, tx *store.Tx, stage string) error {
	ok, err := tx.Advance(ctx, l.Work.Image, l.token, stage)
	if err == nil && !ok {
		err = ErrLost
	}
	if err == nil {
		l.Work.Stage, l.Work.Attempts = stage, 1
	}
	return err
}

// Finish writes the work's result and removes the item, in one transaction. The
// image is analyzed afterwards. If the work was asked for again meanwhile, the
// result is written and the item stays, free.
func (l *Lease) Finish(ctx context.Context, write func(*store.Tx) error) error {
	again := false
	err := l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		done, err := tx.FinishWork(ctx, l.Work.Image, l.token)
		if err != nil {
			return err
		}
		if again = !done; again {
			if ok, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now(), -l.Work.Attempts); err != nil || !ok {
				return errors.Join(err, lostUnless(ok))
			}
		}
		if err := write(tx); err != nil {
			return err
		}
		if l.Image.Status == wire.Analyzed {
			return tx.SetReason(ctx, l.Work.Image, "")
		}
		return l.queue.step(ctx, tx, l.queue.move(l.Image, wire.Analyzed, l.service, ""))
	})
	if err == nil && again {
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
	err := l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		ok, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now(), -1)
		if err != nil || !ok {
			return errors.Join(err, lostUnless(ok))
		}
		return l.back(ctx, tx, reason)
	})
	if err == nil {
		l.queue.Announce()
	}
	return err
}

// Fail ends an attempt that failed with cause. What another attempt cannot help
// fails the image at once, and so does one attempt too many; else the work waits
// for the next.
func (l *Lease) Fail(ctx context.Context, cause error) error {
	n := min(max(l.Work.Attempts-1, 0), 10)
	return l.end(ctx, cause, min(l.queue.RetryDelay<<n, 10*time.Minute), time.Time{})
}

// end is Fail with a delay of one's own; with silent given, only if the lease
// was not prolonged beyond that time.
func (l *Lease) end(ctx context.Context, cause error, delay time.Duration, silent time.Time) error {
	return l.queue.store.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.Work(ctx, l.Work.Image)
		if err != nil || w.Token != l.token {
			return errors.Join(ignoreNone(err), ErrLost)
		}
		if !silent.IsZero() && !w.ExpiresAt.Before(silent) {
			return ErrLost
		}
		if l.Image, err = tx.ImageByID(ctx, l.Work.Image); err != nil {
			return err
		}
		reason := describe(cause)
		if Permanent(cause) {
			return l.giveUp(ctx, tx, fmt.Sprintf("%s: %s", w.Stage, reason))
		}
		if w.Attempts >= l.queue.MaxAttempts {
			return l.giveUp(ctx, tx, fmt.Sprintf("%s: gave up after %d attempts: %s", w.Stage, w.Attempts, reason))
		}
		if _, err := tx.FreeWork(ctx, l.Work.Image, l.token, l.queue.Now().Add(delay), 0); err != nil {
			return err
		}
		return l.back(ctx, tx, fmt.Sprintf("%s: attempt %d of %d: %s", w.Stage, w.Attempts, l.queue.MaxAttempts, reason))
	})
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
	return l.queue.step(ctx, tx, l.queue.move(l.Image, wire.NotAnalyzed, l.service, reason))
}

// giveUp removes the work and says in the image's record why.
func (l *Lease) giveUp(ctx context.Context, tx *store.Tx, reason string) error {
	if _, err := tx.DropWork(ctx, l.Work.Image, l.token); err != nil {
		return err
	}
	if l.Image.Status != wire.Analyzing {
		return tx.SetReason(ctx, l.Work.Image, reason)
	}
	return l.queue.step(ctx, tx, l.queue.move(l.Image, wire.AnalysisFailed, l.service, reason))
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
