package transfer

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// atOnce is how many blobs are under way at a time.
const atOnce = 8

// copyBlobs brings those blobs that has lacks.
func (o Options) copyBlobs(ctx context.Context, rows *store.Store, all []store.BlobRow, from, to *blobs.Store, has map[blobs.Key]bool, r *Report) error {
	return each(ctx, all, func(ctx context.Context, b store.BlobRow, locked func(func())) error {
		if has[blobs.Key(b.Blob)] {
			locked(func() { r.Found++ })
			return nil
		}
		err := copyBlob(ctx, blobs.Key(b.Blob), from, to)
		if err == nil {
			return nil
		}
		d, err := damage(ctx, rows, b, err)
		if err == nil {
			locked(func() { r.Damaged = append(r.Damaged, d) })
		}
		return err
	})
}

func copyBlob(ctx context.Context, k blobs.Key, from, to *blobs.Store) error {
	in, err := from.OpenPacked(ctx, k)
	if err != nil {
		return err
	}
	defer in.Close()
	staged, err := to.StagePacked(ctx, in, k.Digest)
	if err != nil {
		return err
	}
	defer staged.Discard()
	return to.Keep(ctx, k, staged)
}

// verify reads all blobs where they are now, but for those known to be damaged.
func (o Options) verify(ctx context.Context, all []store.BlobRow, at *blobs.Store, r *Report) error {
	damaged := map[string]bool{}
	for _, d := range r.Damaged {
		damaged[d.Digest] = true
	}
	return each(ctx, all, func(ctx context.Context, b store.BlobRow, locked func(func())) error {
		if damaged[b.Digest] {
			return nil
		}
		n, err := at.Check(ctx, blobs.Key(b.Blob))
		if err != nil {
			return err
		}
		locked(func() {
			r.Blobs++
			r.BlobBytes += n
		})
		return nil
	})
}

// each does something with all blobs, some at a time. What is done under locked is
// done by one at a time.
func each(ctx context.Context, all []store.BlobRow, do func(context.Context, store.BlobRow, func(func())) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var lock sync.Mutex
	locked := func(f func()) {
		lock.Lock()
		defer lock.Unlock()
		f()
	}
	for _, b := range all {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return do(ctx, b, locked) })
	}
	return group.Wait()
}
