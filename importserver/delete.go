package importserver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// maxDeleted is how many images one request may delete: their digests stand in
// its head, of which servers take 64 KiB.
const maxDeleted = 500

// DeleteImages deletes images with all that hangs on them, at once. With force only
// it deletes one that is being analysed, and one that a tag means now to which there
// is an active subscription, as there is to every tag that was added; force makes those
// subscriptions inactive. Where the server
// cannot go on, the list says of each image whether it is gone.
func (a *Account) DeleteImages(ctx context.Context, digests []string, force bool) ([]wire.Deletion, error) {
	if len(digests) == 0 || len(digests) > maxDeleted {
		return nil, fault.New(fault.Invalid, "delete images: image_digests must name 1 to %d images", maxDeleted)
	}
	digests = slices.Clone(digests)
	for n, digest := range digests {
		if digests[n] = reference.Canonical(digest); !reference.IsDigest(digests[n]) {
			return nil, fault.New(fault.Invalid, "%.100q is not an image digest", digest)
		}
	}
	defer func() { // whatever is gone by then
		a.server.queue.Recheck()
		a.server.wakeHousekeeper()
	}()
	list := []wire.Deletion{}
	for n, digest := range digests {
		d := wire.Deletion{Digest: digest}
		err := a.inTx(ctx, func(tx *store.Tx) error {
			var err error
			d, err = a.delete(ctx, tx, digest, force)
			return err
		})
		if err != nil && n == 0 { // nothing is gone
			return nil, err
		}
		if err != nil {
			a.server.log.ErrorContext(ctx, "delete images", "image", digest, "before it", n, "error", err)
			list = append(list, undeleted(digests[n:])...)
			break
		}
		list = append(list, d)
	}
	return list, nil
}

// undeleted says of images that they are there still.
func undeleted(digests []string) (list []wire.Deletion) {
	for _, digest := range digests {
		list = append(list, wire.Deletion{Digest: digest, Status: "delete_failed", Detail: "the server could not go on; delete the image again"})
	}
	return list
}

func (a *Account) delete(ctx context.Context, tx *store.Tx, digest string, force bool) (wire.Deletion, error) {
	d := wire.Deletion{Digest: digest, Status: "not_found", Detail: "image not found in DB"}
	i, err := tx.Image(ctx, a.name, digest)
	if errors.Is(err, store.ErrNone) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	if i.Status == wire.Analyzing && !force {
		d.Status, d.Detail = "delete_failed", "the image is being analysed; delete it with force, or once that has ended"
		return d, nil
	}
	tags, err := a.watched(ctx, tx, i)
	if err != nil {
		return d, err
	}
	if len(tags) > 0 && !force {
		d.Status = "delete_failed"
		d.Detail = fmt.Sprintf("%s means this image, and there is an active subscription to it; delete it with force, which makes its subscriptions inactive", nameOf(tags[0]).FullTag())
		return d, nil
	}
	for _, t := range tags {
		if err := a.unsubscribe(ctx, tx, t); err != nil {
			return d, err
		}
	}
	d.Status, d.Detail = wire.Deleting, ""
	return d, tx.DeleteImage(ctx, i.ID)
}

// watched are the tags that mean an image now, and to which there is an active
// subscription.
func (a *Account) watched(ctx context.Context, tx *store.Tx, i store.Image) ([]store.Tag, error) {
	tags, err := tx.Tags(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	var list []store.Tag
	for _, t := range tags {
		newest, err := tx.Newest(ctx, a.name, t.Registry, t.Repository, t.Tag)
		if err != nil {
			return nil, err
		}
		if newest.Image != i.ID {
			continue
		}
		active, err := a.subscribed(ctx, tx, t)
		if err != nil {
			return nil, err
		}
		if active {
			list = append(list, t)
		}
	}
	return list, nil
}
