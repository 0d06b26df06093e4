package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// holdTime is how long blobs are held from collection at a time: so long a backup
// that was killed keeps them.
const holdTime = 10 * time.Minute

// Backup writes an installation to w as it is at one moment: all rows, all evidence
// that they refer to, and the files named, which lie in its data folder, where they
// are there. Servers and workers may go on meanwhile; no blob is collected until it
// ends.
func Backup(ctx context.Context, from Place, files []string, w io.Writer, o Options) (r Report, err error) {
	begun := time.Now()
	if err := from.there(); err != nil {
		return r, err
	}
	temp, remove, err := o.ownTemp()
	if err != nil {
		return r, err
	}
	defer remove()
	live, err := store.Attach(ctx, from.storeURL())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	if err := live.View().Stayed(ctx); err != nil {
		return r, err
	}
	at, err := blobs.Open(ctx, from.blobsURL(), temp)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	h, err := o.hold(ctx, live)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, h.release()) }()

	o.say("copying the rows")
	path := filepath.Join(temp, rowsName)
	if err := live.Backup(ctx, path); err != nil {
		return r, err
	}
	rows, err := store.Open(ctx, "sqlite:"+path)
	if err != nil {
		return r, err
	}
	all, err := h.forget(ctx, rows, &r)
	if err != nil {
		return r, errors.Join(err, rows.Close())
	}
	if err := rows.Close(); err != nil { // and all of it is in one file
		return r, err
	}
	out, err := newWriter(w, o.Now())
	if err != nil {
		return r, err
	}
	err = errors.Join(out.addJSON(headName, head{format, o.Version, o.Now().UTC(), r.Installation}), out.addFile(rowsName, path))
	for _, name := range files {
		if err != nil {
			return r, err
		}
		switch err = out.addFile(name, filepath.Join(from.Dir, name)); {
		case err == nil:
			r.Files = append(r.Files, name)
		case errors.Is(err, fs.ErrNotExist):
			err = nil
		}
	}
	if err != nil {
		return r, err
	}
	o.say("copying %d blobs", len(all))
	for _, b := range all {
		if err := h.held(); err != nil {
			return r, err
		}
		if err := o.addBlob(ctx, out, live, at, b, &r); err != nil {
			return r, err
		}
	}
	if err := o.refuse("back up the evidence", r.Damaged); err != nil {
		return r, err
	}
	out.index.Damaged = r.Damaged
	r.Seconds = time.Since(begun).Seconds()
	return r, out.end()
}

func (o Options) addBlob(ctx context.Context, out *writer, rows *store.Store, at *blobs.Store, b store.BlobRow, r *Report) error {
	name, err := blobs.Key(b.Blob).Name()
	if err != nil {
		return err
	}
	staged, err := stage(ctx, at, blobs.Key(b.Blob))
	if err != nil {
		d, err := damage(ctx, rows, b, err)
		if err == nil {
			r.Damaged = append(r.Damaged, d)
		}
		return err
	}
	defer staged.Discard()
	in, size, err := staged.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	r.Blobs++
	r.BlobBytes += staged.Size
	return out.add(blobFolder+name, size, in)
}

// stage reads a blob and sees to it that it is whole.
func stage(ctx context.Context, at *blobs.Store, k blobs.Key) (*blobs.Staged, error) {
	in, err := at.OpenPacked(ctx, k)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return at.StagePacked(ctx, in, k.Digest)
}

// hold keeps blobs from being collected.
type hold struct {
	Options
	id   string
	rows *store.Store
	now  *store.Clock // servers end holds by the rows' time, and may be on another machine
	stop context.CancelFunc
	done chan error
}

func (o Options) hold(ctx context.Context, rows *store.Store) (*hold, error) {
	h := &hold{Options: o, id: "backup-" + rand.Text(), rows: rows, now: rows.Clock(o.Now), done: make(chan error, 1)}
	if err := h.renew(ctx); err != nil {
		return nil, err
	}
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() { h.done <- h.keep(ctx) }()
	return h, nil
}

func (h *hold) renew(ctx context.Context) error {
	if _, err := h.now.Set(ctx); err != nil {
		return fmt.Errorf("ask the store for the time: %w", err)
	}
	return h.rows.InTx(ctx, func(tx *store.Tx) error { return tx.HoldBlobs(ctx, h.id, h.now.Now().Add(holdTime)) })
}

// keep renews the hold until it is released. A renewal that fails is tried again
// while there is time.
func (h *hold) keep(ctx context.Context) error {
	tick := time.NewTicker(holdTime / 10)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := h.renew(ctx)
		switch {
		case err == nil:
			last = time.Now()
		case ctx.Err() == nil && time.Since(last) > holdTime/2:
			return err
		}
	}
}

// held is why the blobs are not held any more.
func (h *hold) held() error {
	select {
	case err := <-h.done:
		h.done <- err
		return err
	default:
		return nil
	}
}

func (h *hold) release() error {
	h.stop()
	kept := <-h.done
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(kept, h.rows.InTx(ctx, func(tx *store.Tx) error { return tx.ReleaseBlobs(ctx, h.id, h.now.Now()) }))
}

// forget takes the hold out of a copy of the rows, and tells whose and which blobs
// they refer to.
func (h *hold) forget(ctx context.Context, rows *store.Store, r *Report) ([]store.BlobRow, error) {
	err := rows.InTx(ctx, func(tx *store.Tx) (err error) {
		if r.Installation, err = tx.Installation(ctx); err != nil {
			return err
		}
		return tx.ReleaseBlobs(ctx, h.id, h.now.Now())
	})
	if err != nil {
		return nil, err
	}
	return wanted(ctx, rows)
}

// Files are what a backup has of the data folder: the key of the store's secrets, and
// the password that the server made for the user admin.
var Files = []string{importserver.KeyFile, importserver.PasswordFile}
