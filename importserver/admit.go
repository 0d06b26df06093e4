package importserver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Origins of evidence: which door it came through.
const (
	fromClient = "client" // a claim
	fromServer = "server" // a measurement
)

// admission is an image on its way into an account's records.
type admission struct {
	image   store.Image // digests, request, origin and evidence
	names   []reference.Reference
	notes   map[string]string // annotations to merge; "null" removes
	parts   []store.Part      // evidence; nil where the server is to take it
	created time.Time         // orders the image among those of its tags; zero is now
	force   bool
	auto    bool // subscribe to updates of its tags
}

// admit writes an image, its names and its work in the caller's transaction. What
// is known already, and did not fail, keeps its evidence unless force is set.
func (a *Account) admit(ctx context.Context, tx *store.Tx, n admission) (known bool, err error) {
	old, err := tx.Image(ctx, a.name, n.image.Digest)
	if err != nil && !errors.Is(err, store.ErrNone) {
		return false, err
	}
	found := err == nil
	if err := a.subscribe(ctx, tx, n.names, n.auto); err != nil {
		return false, err
	}
	if found && !n.force && old.Status != wire.AnalysisFailed {
		if n.image.Request.PullString == "" {
			if err := a.noteKnown(ctx, tx, old); err != nil {
				return true, err
			}
		}
		return true, a.touch(ctx, tx, old, n)
	}
	i, err := a.write(ctx, tx, old, found, n)
	if err != nil {
		return false, err
	}
	if err := a.call(ctx, tx, i.ID, n); err != nil {
		return false, err
	}
	stage, reason := queue.Analyze, "asked for"
	if n.parts != nil {
		stage, reason = queue.Assess, "evidence imported"
		if err := tx.SetParts(ctx, i.ID, n.parts); err != nil {
			return false, err
		}
	}
	return false, a.server.queue.Submit(ctx, tx, i, stage, reason)
}

// touch merges annotations into a known image and gives it the names it is now
// called by; where it has them already, nothing is written.
func (a *Account) touch(ctx context.Context, tx *store.Tx, i store.Image, n admission) error {
	if notes := merged(i.Annotations, n.notes); !maps.Equal(notes, i.Annotations) {
		i.Annotations, i.UpdatedAt = notes, a.server.now()
		if err := tx.UpdateImage(ctx, i); err != nil {
			return err
		}
	}
	return a.call(ctx, tx, i.ID, n)
}

// write makes or changes the image's row. The row that it gives has the status
// from before, "" where the image is new.
func (a *Account) write(ctx context.Context, tx *store.Tx, old store.Image, found bool, n admission) (store.Image, error) {
	i, now := n.image, a.server.now()
	i.Account, i.UpdatedAt = a.name, now
	i.Annotations = merged(old.Annotations, n.notes)
	if !found {
		i.Status, i.CreatedAt = wire.NotAnalyzed, now
		err := tx.InsertImage(ctx, &i)
		i.Status = ""
		return i, err
	}
	i.ID, i.Status, i.CreatedAt, i.Facts = old.ID, old.Status, old.CreatedAt, old.Facts
	if n.parts == nil { // what is there stays until there is something newer
		i.Origin, i.Evidence = old.Origin, old.Evidence
	}
	return i, tx.UpdateImage(ctx, i)
}

// call gives an image its names. A name that means this image already is left as
// it is; with force and a time of its own, so is one that meant it before: what is
// analysed anew does not become what the name means now.
func (a *Account) call(ctx context.Context, tx *store.Tx, image int64, n admission) error {
	now := a.server.now()
	created := n.created
	if created.IsZero() {
		created = now
	}
	for _, r := range n.names {
		newest, err := tx.Newest(ctx, a.name, r.Registry, r.Repository, r.Tag)
		if err == nil && newest.Image == image {
			continue
		}
		if err != nil && !errors.Is(err, store.ErrNone) {
			return err
		}
		if n.force && !n.created.IsZero() {
			had, err := hasName(ctx, tx, image, r)
			if err != nil {
				return err
			}
			if had {
				continue
			}
		}
		err = tx.PutTag(ctx, store.Tag{
			Image: image, Account: a.name, Registry: r.Registry, Repository: r.Repository, Tag: r.Tag,
			CreatedAt: created, DetectedAt: now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hasName tells whether a name meant an image at some time.
func hasName(ctx context.Context, tx *store.Tx, image int64, r reference.Reference) (bool, error) {
	all, err := tx.Tags(ctx, image)
	return slices.ContainsFunc(all, func(t store.Tag) bool {
		return t.Registry == r.Registry && t.Repository == r.Repository && t.Tag == r.Tag
	}), err
}

// merged are old annotations with new ones over them; "null" removes.
func merged(old, notes map[string]string) map[string]string {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range notes {
		if v == "null" {
			delete(all, k)
		} else {
			all[k] = v
		}
	}
	return all
}

// Bounds of what a request may attach to an image.
const (
	maxNames       = 100
	maxAnnotations = 200
	maxAnnotation  = 4096 // bytes of a key and its value
)

// checkNotes refuses annotations that are too many, too long or reserved.
func checkNotes(notes map[string]string) error {
	if len(notes) > maxAnnotations {
		return fault.New(fault.Invalid, "%d annotations are more than %d", len(notes), maxAnnotations)
	}
	for k, v := range notes {
		switch {
		case k == "":
			return fault.New(fault.Invalid, "an annotation has no name")
		case len(k)+len(v) > maxAnnotation:
			return fault.New(fault.Invalid, "annotation %.100q is longer than %d bytes", k, maxAnnotation)
		case strings.HasPrefix(k, "anchore.system/"):
			return fault.New(fault.Invalid, "annotation %q: names below anchore.system/ are the server's own", k)
		}
	}
	return nil
}

// parseNames reads full tags; "repository@digest" records an image without a tag.
func parseNames(tags []string, digest string) ([]reference.Reference, error) {
	if len(tags) == 0 {
		return nil, fault.New(fault.Invalid, "no tags are given to record the image under").
			WithHint("give the image a name, as in registry/repository:tag")
	}
	if len(tags) > maxNames {
		return nil, fault.New(fault.Invalid, "%d tags are more than %d", len(tags), maxNames)
	}
	var names []reference.Reference
	for _, t := range tags {
		r, err := reference.Parse(t)
		if err != nil {
			return nil, err
		}
		if r.Tag == "" && r.Digest != digest {
			return nil, fault.New(fault.Invalid, "%q names another image than %s", t, digest)
		}
		names = append(names, r)
	}
	return names, nil
}

// receipt is the answer to an add or an import.
func (a *Account) receipt(ctx context.Context, digest string, known bool) (wire.Receipt, error) {
	i, err := a.Image(ctx, digest)
	if err != nil {
		return wire.Receipt{}, err
	}
	r := wire.Receipt{Image: i, Known: known}
	if known {
		r.Message = "the image is known (" + i.Status + "), and its evidence was left as it is; force replaces it"
	}
	return r, nil
}
