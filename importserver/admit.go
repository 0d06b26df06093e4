package importserver

import (
	"context"
	"errors"
	"maps"
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
	kept    bool // by digest: with force, a name that the image has keeps its time
	auto    bool // subscribe to updates of its tags
	bulk    bool // nobody waits for it
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
	priority := queue.Interactive
	if n.bulk {
		priority = queue.Bulk
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
	return false, a.server.queue.Submit(ctx, tx, i, stage, reason, priority)
}

// touch merges annotations into a known image and gives it the names it is now
// called by; where it has them already, nothing is written. Queued work on it becomes
// as urgent as this is.
func (a *Account) touch(ctx context.Context, tx *store.Tx, i store.Image, n admission) error {
	notes, err := merged(i.Annotations, n.notes)
	if err != nil {
		return err
	}
	if i.Status == wire.NotAnalyzed && !n.bulk {
		if _, err := a.server.queue.Hasten(ctx, tx, i); err != nil {
			return err
		}
	}
	if !maps.Equal(notes, i.Annotations) {
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
	var err error
	if i.Annotations, err = merged(old.Annotations, n.notes); err != nil {
		return i, err
	}
	if !found {
		i.Status, i.CreatedAt = wire.NotAnalyzed, now
		err = tx.InsertImage(ctx, &i)
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
// it is; with force and a digest, so is one that meant it before: what is analysed
// anew does not become what the name means now.
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
		had, err := tx.HasTag(ctx, image, r.Registry, r.Repository, r.Tag)
		if err != nil {
			return err
		}
		if had && n.force && n.kept {
			continue
		}
		if !had {
			if err := room(ctx, tx, image); err != nil {
				return err
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

// room refuses an image one more name where it has maxKept of them.
func room(ctx context.Context, tx *store.Tx, image int64) error {
	has, err := tx.CountTags(ctx, image)
	if err == nil && has >= maxKept {
		err = fault.New(fault.Invalid, "the image is recorded under %d names, and no image can have more", has).
			WithHint("delete the image, and add it again under those names that are needed")
	}
	return err
}

// merged are old annotations with new ones over them; "null" removes. They may be no more
// than one request may have.
func merged(old, notes map[string]string) (map[string]string, error) {
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
	if len(all) > maxAnnotations && len(all) > len(old) {
		return nil, fault.New(fault.Invalid, "with these, the image would have %d annotations, which are more than %d", len(all), maxAnnotations).
			WithHint(`remove some, by the value "null"`)
	}
	return all, nil
}

// Bounds of what may be attached to an image: by a request, and of annotations by all.
const (
	maxNames       = 100
	maxKept        = 1000 // names of an image, of all requests
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
