// Package evidence keeps parts of evidence in two places, rows and blobs, so that
// neither ever lacks the other. See store.Tx.TouchBlob for why it does not.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// Keeper keeps evidence. Any number of them, in any number of processes, may share
// the same rows and blobs, and be stopped anywhere.
type Keeper struct {
	Store *store.Store
	Blobs *blobs.Store
	Now   func() time.Time
}

// Keep keeps what was staged. What it returns can be referred to as long as nobody
// takes it for rubbish: see Collect.
func (k Keeper) Keep(ctx context.Context, staged *blobs.Staged) (store.Blob, error) {
	var b store.Blob
	err := k.Store.InTx(ctx, func(tx *store.Tx) (err error) {
		b, err = tx.TouchBlob(ctx, staged.Digest, staged.Size, k.Now())
		return err
	})
	if err != nil {
		return b, err
	}
	return b, k.Blobs.Keep(ctx, blobs.Key(b), staged)
}

// atOnce is how many blobs are given up, or looked up, at a time.
const atOnce = 200

// Collect removes the blobs that nothing refers to and that nobody brought since,
// unless a hold keeps them. One that cannot be deleted keeps no other from it, and is
// tried again the next time.
func (k Keeper) Collect(ctx context.Context, since time.Time) error {
	for n := atOnce; n == atOnce; {
		err := k.Store.InTx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.GiveUpBlobs(ctx, since, k.Now(), atOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	d := deletion{blobs: k.Blobs}
	for last := (store.Blob{}); ; {
		given, err := k.Store.View().BlobDeletions(ctx, last, atOnce)
		if err != nil || len(given) == 0 {
			return d.end(err)
		}
		last = given[len(given)-1]
		gone := d.delete(ctx, given)
		err = k.Store.InTx(ctx, func(tx *store.Tx) error {
			for _, b := range gone {
				if err := tx.BlobDeleted(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || d.hopeless() {
			return d.end(err)
		}
	}
}

// inRow is how many blobs in a row may fail to be deleted before the others are left for
// the next time: each may take minutes.
const inRow = 10

// deletion deletes blobs, beside those that cannot be.
type deletion struct {
	blobs  *blobs.Store
	errs   []error // the first of them
	failed int
	row    int // that failed since one did not
}

// delete gives those that are gone.
func (d *deletion) delete(ctx context.Context, all []store.Blob) (gone []store.Blob) {
	for _, b := range all {
		if d.hopeless() || ctx.Err() != nil {
			break
		}
		err := d.blobs.Delete(ctx, blobs.Key(b))
		if err == nil {
			gone, d.row = append(gone, b), 0
			continue
		}
		if d.failed, d.row = d.failed+1, d.row+1; len(d.errs) < 3 {
			d.errs = append(d.errs, err)
		}
	}
	return gone
}

func (d *deletion) hopeless() bool { return d.row >= inRow }

// end is the error of all of it.
func (d *deletion) end(err error) error {
	if d.failed > len(d.errs) {
		d.errs = append(d.errs, fmt.Errorf("and %d blobs more that could not be deleted", d.failed-len(d.errs)))
	}
	return errors.Join(append(d.errs, err)...)
}

// Scrub looks through all blobs and removes those without a row, which a process
// leaves that was stopped for so long that the row was given up meanwhile; and what
// was begun before since and never ended. It tells how many of both there were. One
// that cannot be deleted keeps no other from it.
func (k Keeper) Scrub(ctx context.Context, since time.Time) (unknown, unended int, err error) {
	var keys []store.Blob
	d := deletion{blobs: k.Blobs}
	flush := func() error {
		known, err := k.Store.View().BlobRows(ctx, keys)
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(b store.Blob) bool { return known[b] })
		unknown += len(d.delete(ctx, keys))
		keys = keys[:0]
		if d.hopeless() {
			return errHopeless
		}
		return ctx.Err()
	}
	err = k.Blobs.Each(ctx, func(b blobs.Key) error {
		if keys = append(keys, store.Blob(b)); len(keys) < atOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		unended, err = k.Blobs.Sweep(ctx, since)
	}
	return unknown, unended, d.end(err)
}

var errHopeless = errors.New("the other blobs are left for the next time")
