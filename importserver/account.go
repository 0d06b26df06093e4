package importserver

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Account is a server as one account sees it: every operation of the API, in
// process, with the same faults that a client meets.
type Account struct {
	server *Server
	name   string
	since  time.Time  // when the account was made; zero for whichever has the name
	by     *principal // who acts; nil for the server itself
}

// Account is the server as the account of that name sees it.
func (s *Server) Account(name string) *Account { return &Account{server: s, name: name} }

// inTx runs do in one transaction, if the account is still the one that it was:
// what began before an account was deleted must not end in the next of its name.
// Where a worker changed an image's state in between, do looks again.
func (a *Account) inTx(ctx context.Context, do func(*store.Tx) error) error {
	for range 4 {
		if err := a.once(ctx, do); !errors.Is(err, queue.ErrLost) {
			return err
		}
	}
	return a.once(ctx, do)
}

func (a *Account) once(ctx context.Context, do func(*store.Tx) error) error {
	return a.server.store.InTx(ctx, func(tx *store.Tx) error {
		row, err := tx.Within(ctx, a.name)
		switch {
		case errors.Is(err, store.ErrNone) || err == nil && !a.since.IsZero() && !a.since.Equal(row.CreatedAt):
			return fault.New(fault.Forbidden, "there is no account %.100q any more", a.name)
		case err == nil && row.State == wire.AccountDeleting:
			return fault.New(fault.Forbidden, "the account %.100q is being deleted", a.name)
		case err != nil:
			return err
		}
		return do(tx)
	})
}

// image is the account's image of a digest.
func (a *Account) image(ctx context.Context, digest string) (store.Image, error) {
	if digest = reference.Canonical(digest); !reference.IsDigest(digest) {
		return store.Image{}, fault.New(fault.Invalid, "%.100q is not an image digest", digest).
			WithHint("an image digest is sha256: and 64 hex digits")
	}
	i, err := a.server.store.View().Image(ctx, a.name, digest)
	if errors.Is(err, store.ErrNone) {
		return i, noImage(digest)
	}
	return i, err
}

func noImage(digest string) error {
	return fault.New(fault.NotFound, "image not found in DB").WithDetail("image_digest", digest)
}

// analyzed is the account's image of a digest, if it is analysed.
func (a *Account) analyzed(ctx context.Context, digest string) (store.Image, error) {
	i, err := a.image(ctx, digest)
	if err == nil && i.Status != wire.Analyzed {
		err = notAnalyzed(i)
	}
	return i, err
}

func notAnalyzed(i store.Image) error {
	f := fault.New(fault.NotFound, "image is not analyzed - analysis_status: %s", i.Status).
		WithDetail("image_digest", i.Digest).WithDetail("analysis_status", i.Status)
	if i.Status == wire.AnalysisFailed {
		return f.WithHint("tidepole image get %s says why", i.Digest)
	}
	return f.WithHint("tidepole image get %s shows how far it is; image add --wait waits for it", i.Digest)
}

// evidence is an image's bundle as it is stored. Its parts can be read while ctx
// lasts.
func (s *Server) evidence(ctx context.Context, i store.Image) (*bundle.Bundle, error) {
	parts, err := s.store.View().Parts(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	b := &bundle.Bundle{
		Digest: i.Digest, ParentDigest: i.ParentDigest, ImageID: i.ImageID,
		Annotations: i.Annotations, Source: i.Origin,
	}
	for _, p := range parts {
		part := s.part(ctx, p)
		open := part.Open
		part.Open = func() (io.ReadCloser, error) {
			r, err := open()
			if fault.Of(err) == fault.NotFound {
				err = fault.New(fault.Unavailable, "the %s of image %s is gone from the store: %w", p.Kind, i.Digest, err).
					WithHint("tidepole image add IMAGE --force analyses it again and brings it back")
			}
			return r, err
		}
		b.Put(part)
	}
	return b, nil
}

// analyzedEvidence is the bundle of an image that is analysed.
func (a *Account) analyzedEvidence(ctx context.Context, digest string) (store.Image, *bundle.Bundle, error) {
	i, err := a.analyzed(ctx, digest)
	if err != nil {
		return i, nil, err
	}
	b, err := a.server.evidence(ctx, i)
	return i, b, err
}
