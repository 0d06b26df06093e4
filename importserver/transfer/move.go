package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// Move copies an installation, of which no server runs, to another database, another
// blob store or both: what of to has no URL stays where it is. Nothing is removed
// from where it was, but rows that went elsewhere are not to be used any more. Done again after an interruption it goes on; done again after
// it ended it finds rows and is fault.Conflict.
func Move(ctx context.Context, from, to Place, o Options) (r Report, err error) {
	begun := time.Now()
	if to.Store == "" && to.Blobs == "" {
		return r, fault.New(fault.Invalid, "move the installation: it is not said where to").WithHint("name --to-store, --to-blobs or both")
	}
	if to.Store == from.storeURL() || to.Blobs == from.blobsURL() {
		return r, fault.New(fault.Invalid, "move the installation: it is there already").WithHint("name another place, or leave the flag away for what is to stay")
	}
	if err := from.there(); err != nil {
		return r, err
	}
	m := mover{Options: o}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.open(ctx, from, to); err != nil {
		return r, err
	}
	if err := m.move(ctx, to, &r); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	return r, nil
}

type mover struct {
	Options
	rows, toRows   *store.Store // toRows is nil where they stay
	blobs, toBlobs *blobs.Store // toBlobs is nil where they stay
	closers        []io.Closer
}

func (m *mover) close() (err error) {
	for i := len(m.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, m.closers[i].Close())
	}
	return err
}

func (m *mover) open(ctx context.Context, from, to Place) error {
	lock, err := importserver.Lock(from.Dir)
	if err != nil {
		return err
	}
	m.closers = append(m.closers, lock)
	temp := filepath.Join(from.Dir, "tmp") // whose content the lock makes ours
	if m.rows, err = store.Open(ctx, from.storeURL()); err != nil {
		return err
	}
	m.closers = append(m.closers, m.rows)
	if err := m.rows.View().Stayed(ctx); err != nil {
		return err
	}
	if err := m.idle(ctx, m.rows); err != nil {
		return err
	}
	if m.blobs, err = blobs.Open(ctx, from.blobsURL(), temp); err != nil {
		return err
	}
	m.closers = append(m.closers, m.blobs)
	if to.Store != "" {
		if m.toRows, err = store.Open(ctx, to.Store); err != nil {
			return err
		}
		m.closers = append(m.closers, m.toRows)
		if err := m.unused(ctx, to); err != nil {
			return err
		}
	}
	if to.Blobs != "" {
		if m.toBlobs, err = blobs.Open(ctx, to.Blobs, temp); err != nil {
			return err
		}
		m.closers = append(m.closers, m.toBlobs)
		if err := m.toBlobs.Apart(from.Dir); err != nil {
			return err
		}
	}
	return nil
}

// unused refuses a target with rows. Where they are this installation's, an earlier run
// copied them and did not come to say so here.
func (m *mover) unused(ctx context.Context, to Place) error {
	refused := unused(ctx, m.toRows)
	if fault.Of(refused) != fault.Conflict {
		return refused
	}
	here, err := m.rows.View().Named(ctx)
	if err != nil {
		return err
	}
	there, err := m.toRows.View().Named(ctx)
	if err != nil || here != there || here == "" {
		return errors.Join(err, refused)
	}
	same, err := m.same(ctx)
	if err != nil || same { // by another URL
		return errors.Join(err, refused)
	}
	err = m.rows.InTx(ctx, func(tx *store.Tx) error { return tx.Leave(ctx, to.shown()) })
	return errors.Join(err, refused)
}

// same tells whether the target is where the rows are already.
func (m *mover) same(ctx context.Context) (bool, error) {
	const mark = "moving"
	once := store.NewInstallation()
	if err := m.rows.InTx(ctx, func(tx *store.Tx) error { return tx.SetSetting(ctx, mark, once) }); err != nil {
		return false, err
	}
	seen, err := m.toRows.View().Setting(ctx, mark)
	return seen == once, err
}

// unused refuses rows that were written to.
func unused(ctx context.Context, rows *store.Store) error {
	fresh, err := rows.Fresh(ctx)
	if err == nil && !fresh {
		err = fault.New(fault.Conflict, "write to the store: there are rows already").
			WithHint("name a database, or a schema of one (search_path=NAME), that nothing was written to; if an earlier run ended well, start the server on it")
	}
	return err
}

func (m *mover) move(ctx context.Context, to Place, r *Report) error {
	err := m.rows.InTx(ctx, func(tx *store.Tx) (err error) {
		r.Installation, err = tx.Installation(ctx)
		return err
	})
	if err != nil {
		return err
	}
	all, err := wanted(ctx, m.rows)
	if err != nil {
		return err
	}
	at := m.blobs
	if m.toBlobs != nil {
		at = m.toBlobs
		has, err := m.claim(ctx, at, r.Installation)
		if err != nil {
			return err
		}
		m.say("copying %d blobs to %s", len(all), at)
		if err := m.copyBlobs(ctx, m.rows, all, m.blobs, at, has, r); err != nil {
			return err
		}
		if err := m.refuse("copy the blobs", r.Damaged); err != nil {
			return err
		}
	}
	m.say("reading %d blobs in %s", len(all), at)
	if err := m.verify(ctx, all, at, r); err != nil {
		return err
	}
	if m.toRows == nil {
		return nil
	}
	m.say("copying the rows")
	if r.Tables, err = m.rows.Copy(ctx, m.toRows); err != nil {
		return fmt.Errorf("move the installation: %w", err)
	}
	return m.rows.InTx(ctx, func(tx *store.Tx) error { return tx.Leave(ctx, to.shown()) })
}
