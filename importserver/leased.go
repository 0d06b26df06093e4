package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// leased is the importer of the server's own worker: what it takes in was
// measured here, under a lease on the image's work.
type leased struct {
	server *Server
	lease  *queue.Lease
	job    Job
	done   bool
}

// Import stores the evidence and takes the work to its next stage, in one
// transaction that holds only if the lease does.
func (l *leased) Import(ctx context.Context, b *bundle.Bundle, _ wire.AddOptions) (wire.Receipt, error) {
	l.job.Progress("import")
	if b.Digest != l.job.Digest {
		return wire.Receipt{}, fault.New(fault.Conflict, "import image %s: the evidence is of image %s", l.job.Digest, b.Digest).
			WithHint("the registry gave another image than it promised; add the image again")
	}
	if missing := b.Missing(); len(missing) > 0 {
		return wire.Receipt{}, fault.New(fault.Invalid, "import image %s: its evidence lacks %v", b.Digest, missing)
	}
	parts, err := l.server.keepBundle(ctx, b)
	if err != nil {
		return wire.Receipt{}, err
	}
	if err := l.server.checkParts(ctx, parts); err != nil {
		return wire.Receipt{}, err
	}
	err = l.lease.Advance(ctx, queue.Assess, func(tx *store.Tx) error { return l.write(ctx, tx, b, parts) })
	if err != nil {
		return wire.Receipt{}, err
	}
	l.done = true
	return l.server.Account(l.lease.Image.Account).receipt(ctx, b.Digest, false)
}

func (l *leased) write(ctx context.Context, tx *store.Tx, b *bundle.Bundle, parts []store.Part) error {
	i, err := tx.ImageByID(ctx, l.lease.Image.ID)
	if err != nil {
		return err
	}
	i.Origin, i.Evidence, i.UpdatedAt = fromServer, evidenceOf(parts), l.server.now()
	if b.ImageID != "" {
		i.ImageID = b.ImageID
	}
	if b.ParentDigest != "" {
		i.ParentDigest = b.ParentDigest
	}
	if err := tx.UpdateImage(ctx, i); err != nil {
		return err
	}
	return tx.SetParts(ctx, i.ID, parts)
}
