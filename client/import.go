package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// errGone says that the server no longer takes anything for an operation.
var errGone = errors.New("the import operation is over")

// maxOperations is how often an import starts anew because the server forgot
// its operation.
const maxOperations = 3

// Import brings a bundle to the server: it opens an operation, uploads the
// parts that the server does not have yet, and finalises. What an earlier call
// left unfinished is continued, even one of another process.
func (c *Client) Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error) {
	if missing := b.Missing(); len(missing) > 0 {
		return wire.Receipt{}, fault.New(fault.Invalid, "import image %s: its evidence lacks %v", b.Digest, missing)
	}
	u := &upload{client: c, bundle: b, options: o, memo: c.memo(b)}
	defer u.close()
	var err error
	for range maxOperations {
		var r wire.Receipt
		if r, err = u.run(ctx); err == nil {
			u.forget()
			return r, nil
		}
		if !errors.Is(err, errGone) {
			break
		}
		u.forget()
	}
	if errors.Is(err, errGone) {
		err = fault.New(fault.Unavailable, "import image %s: %s ended %d operations in a row before all was sent", b.Digest, c.base, maxOperations)
	}
	return wire.Receipt{}, err
}

// upload is one bundle on its way.
type upload struct {
	client  *Client
	bundle  *bundle.Bundle
	options wire.AddOptions
	memo    memo

	operation string
	resumed   bool // parts may be there already
	loads     map[bundle.Kind]*load
	sent      map[string]string // by kind, the digest as the server gave it
}

// close removes what was compressed for sending.
func (u *upload) close() {
	for _, l := range u.loads {
		l.remove()
	}
}

// run takes one operation from where it stands to its end.
func (u *upload) run(ctx context.Context) (wire.Receipt, error) {
	u.sent = map[string]string{}
	over, err := u.begin(ctx)
	if err != nil {
		return wire.Receipt{}, err
	}
	if over {
		return u.outcome(ctx)
	}
	for _, p := range u.bundle.Parts() {
		if err := u.part(ctx, p); err != nil {
			if errors.Is(err, errFinalised) {
				return u.outcome(ctx)
			}
			return wire.Receipt{}, err
		}
	}
	return u.finalise(ctx)
}

// begin finds the operation that an earlier call left, or opens one. It is over
// where that call finalised it.
func (u *upload) begin(ctx context.Context) (over bool, err error) {
	if u.operation = u.memo.read(); u.operation != "" {
		u.resumed = true
		err := u.client.persist(ctx, u.client.retry.Call, u.pending)
		switch {
		case err == nil:
			return false, nil
		case errors.Is(err, errFinalised) && !u.options.Force:
			return true, nil
		case !errors.Is(err, errFinalised) && !errors.Is(err, errGone):
			return false, err
		}
		u.forget()
	}
	return false, u.open(ctx)
}

// open opens an operation and remembers it.
func (u *upload) open(ctx context.Context) error {
	op, err := get[wire.Operation](ctx, u.client, call{
		doing: "open import of image " + u.bundle.Digest, method: post, route: wire.RouteOperations, body: jsonBody(struct{}{}),
	})
	if err != nil {
		return err
	}
	if op.UUID == "" || len(op.UUID) > 200 {
		return fault.New(fault.Unavailable, "open import of image %s: %s gave the operation no usable name", u.bundle.Digest, u.client.base)
	}
	u.operation, u.resumed = op.UUID, false
	if err := u.memo.write(op.UUID); err != nil {
		u.client.notify(Notice{Err: fmt.Errorf("remember the import, so that it could be continued: %w", err)})
	}
	return nil
}

func (u *upload) forget() {
	u.operation = ""
	if err := u.memo.remove(); err != nil {
		u.client.notify(Notice{Err: fmt.Errorf("forget the import: %w", err)})
	}
}

// errFinalised says that the operation's evidence was taken over already.
var errFinalised = errors.New("the import was finalised already")

// pending is nil while the operation takes parts, errFinalised once its
// evidence was taken over, and errGone when it never will be.
func (u *upload) pending(ctx context.Context) error {
	var op wire.Operation
	k := call{doing: "continue import of image " + u.bundle.Digest, route: wire.RouteOperation, values: []string{u.operation}}
	k.take = into(k.doing, &op)
	err := u.client.try(ctx, k)
	if fault.Of(err) == fault.NotFound {
		return errGone
	}
	if err != nil {
		return err
	}
	switch op.Status {
	case wire.OperationPending:
		return nil
	case wire.OperationInvalidated, wire.OperationExpired:
		return errGone
	}
	return errFinalised
}

// explain finds out what an answer meant that was "not found" or "conflict":
// the operation may have ended under us.
func (u *upload) explain(ctx context.Context, err error) error {
	if kind := fault.Of(err); kind != fault.NotFound && kind != fault.Conflict {
		return err
	}
	if state := u.pending(ctx); state != nil {
		return state
	}
	return err
}

// finalise has the server take the evidence over. Where the answer is lost, the
// operation's state tells whether the request was.
func (u *upload) finalise(ctx context.Context) (wire.Receipt, error) {
	k := call{doing: "import image " + u.bundle.Digest, body: jsonBody(u.request())}
	asked := false
	r, err := u.client.add(ctx, func(ctx context.Context, k call) error {
		return u.client.persist(ctx, u.client.retry.Import, func(ctx context.Context) error {
			if asked {
				if err := u.pending(ctx); err != nil {
					return err
				}
			}
			asked = true
			return u.explain(ctx, u.client.try(ctx, k))
		})
	}, k, u.options)
	if errors.Is(err, errFinalised) {
		return u.outcome(ctx)
	}
	return r, err
}

// request is what finalises the operation.
func (u *upload) request() wire.ImageRequest {
	b := u.bundle
	return wire.ImageRequest{
		ImageType:   "docker",
		Annotations: b.Annotations,
		Source: wire.ImageSource{Import: &wire.ImportSource{
			Operation: u.operation, Digest: b.Digest, ParentDigest: b.ParentDigest,
			LocalImageID: b.ImageID, Tags: b.Tags, Contents: u.sent,
		}},
	}
}

// outcome is the receipt of an import that was finalised, but whose answer did
// not arrive. An image that is not there was deleted since: import it anew.
func (u *upload) outcome(ctx context.Context) (wire.Receipt, error) {
	var r wire.Receipt
	k := imageCall(u.bundle.Digest)
	k.take = into(k.doing, &r.Image)
	err := u.client.persist(ctx, u.client.retry.Import, func(ctx context.Context) error { return u.client.try(ctx, k) })
	if fault.Of(err) == fault.NotFound {
		err = errGone
	}
	return r, err
}
