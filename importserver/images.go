package importserver

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// maxTransitions is how many steps of its history an image's record shows.
const maxTransitions = 100

// shownDockerfiles is how many bytes an image's record has of its Dockerfile, which
// stands with each of its names as long as there is room, and with the newest always.
const shownDockerfiles = 4 << 20

// Images lists the account's images, newest first. With a full tag it is the
// image that the tag means now; with History, all that it ever meant.
func (a *Account) Images(ctx context.Context, f wire.ImageFilter) ([]wire.Image, error) {
	list := []wire.Image{}
	err := a.eachRecord(ctx, f, func(records []byte) error {
		var some []wire.Image
		err := json.Unmarshal(slices.Concat([]byte("["), records, []byte("]")), &some)
		list = append(list, some...)
		return err
	})
	return list, err
}

// renderImage is what is shown of an image where many are.
func renderImage(i store.Image, tags []store.Tag, steps []store.Transition) (store.Rendered, error) {
	r := record(i, tags)
	r.StatusDetail = transitionsOf(steps)
	whole, err := json.Marshal(r)
	if err != nil {
		return store.Rendered{}, err
	}
	short, err := json.Marshal(referenceOf(i, tags))
	if err != nil {
		return store.Rendered{}, err
	}
	summary, err := json.Marshal(taggedOf(i))
	if err != nil {
		return store.Rendered{}, err
	}
	all := store.Rendered{Record: whole, Reference: short, Summary: bytes.TrimSuffix(summary, []byte("}"))}
	for _, t := range tags {
		own, err := json.Marshal(tagOf(t))
		if err != nil {
			return store.Rendered{}, err
		}
		own[0] = ',' // it goes on where the image's part ends
		all.Tags = append(all.Tags, own)
	}
	return all, nil
}

// eachRecord visits the images of Images as lists show them, several at once with
// store.Separator between them.
func (a *Account) eachRecord(ctx context.Context, f wire.ImageFilter, visit func(records []byte) error) error {
	q, err := queryOf(f)
	if err != nil || f.Record == wire.Deleting { // images are deleted at once
		return err
	}
	view := a.server.store.View()
	if q.Tag != "" || q.ImageID != "" { // else an image of another status is "none of that status", not "not found"
		first, err := view.First(ctx, a.name, q)
		if errors.Is(err, store.ErrNone) {
			return fault.New(fault.NotFound, "image data not found in DB")
		}
		if err != nil {
			return err
		}
		if q.Tag != "" && !f.History {
			q.Image = first
		}
	}
	q.Status, q.AnalyzedSince, q.Limit = f.Status, f.AnalyzedSince, f.Limit
	return view.Records(ctx, a.name, q, visit)
}

// queryOf are the images that a filter is about, of any status.
func queryOf(f wire.ImageFilter) (store.RecordQuery, error) {
	q := store.RecordQuery{ImageID: canonicalID(f.ImageID)}
	switch {
	case f.Status != "" && !statuses[f.Status]:
		return q, fault.New(fault.Invalid, "there is no analysis status %.100q", f.Status)
	case f.Record != "" && f.Record != wire.Active && f.Record != wire.Deleting && f.Record != "all":
		return q, fault.New(fault.Invalid, "there is no image status %.100q; have active, all, deleting", f.Record)
	case f.History && f.FullTag == "":
		return q, fault.New(fault.Invalid, "the history of images can be listed for a tag only")
	case f.Limit < 0:
		return q, fault.New(fault.Invalid, "list images: a limit of %d says nothing", f.Limit).WithHint("0 is all images, as no limit is")
	case f.FullTag == "":
		return q, nil
	}
	r, err := reference.Parse(f.FullTag)
	if err == nil && r.Tag == "" {
		err = fault.New(fault.Invalid, "%.200q is not a tag", f.FullTag)
	}
	q.Registry, q.Repository, q.Tag = r.Registry, r.Repository, r.Tag
	return q, err
}

// Image is the record of one image, with its history.
func (a *Account) Image(ctx context.Context, digest string) (wire.Image, error) {
	i, err := a.image(ctx, digest)
	if err != nil {
		return wire.Image{}, err
	}
	view := a.server.store.View()
	tags, err := view.Tags(ctx, i.ID)
	if err != nil {
		return wire.Image{}, err
	}
	r := record(i, tags)
	history, err := view.Transitions(ctx, i.ID, maxTransitions)
	if err != nil {
		return wire.Image{}, err
	}
	r.StatusDetail = transitionsOf(history)
	if err := a.addWork(ctx, i, &r); err != nil {
		return wire.Image{}, err
	}
	if err := a.addDockerfile(ctx, i, &r); err != nil {
		a.server.log.WarnContext(ctx, "read the Dockerfile of an image", "image", digest, "error", err) // the record is worth more
	}
	return r, ctx.Err()
}

// addWork shows what is being done for an image, or how long its queue is.
func (a *Account) addWork(ctx context.Context, i store.Image, r *wire.Image) error {
	w, err := a.server.store.View().Work(ctx, i.ID)
	if errors.Is(err, store.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	switch i.Status {
	case wire.Analyzing:
		r.StatusReason = w.Progress
	case wire.NotAnalyzed:
		r.Waiting, err = a.position(ctx, w)
		return err
	}
	return nil
}

// addDockerfile shows the Dockerfile that was given with an image.
func (a *Account) addDockerfile(ctx context.Context, i store.Image, r *wire.Image) error {
	file := i.Request.Dockerfile
	b, err := a.server.evidence(ctx, i)
	if err != nil {
		return err
	}
	if _, ok := b.Part(bundle.Dockerfile); ok {
		if file, err = b.ReadAll(bundle.Dockerfile, bundle.MaxDockerfile); err != nil {
			return err
		}
	}
	if len(file) == 0 {
		return nil
	}
	text := base64.StdEncoding.EncodeToString(file)
	for n := range r.Detail {
		if n == 0 || (n+1)*len(text) <= shownDockerfiles {
			r.Detail[n].Dockerfile = &text
		}
	}
	return nil
}

// record is an image as the API shows it in lists.
func record(i store.Image, tags []store.Tag) wire.Image {
	r := wire.Image{
		AccountName: i.Account, Digest: i.Digest, ParentDigest: i.ParentDigest, ImageType: "docker",
		Annotations: i.Annotations, Status: i.Status, RecordStatus: wire.Active, RecordVersion: "1",
		CreatedAt: i.CreatedAt, LastUpdated: i.UpdatedAt, AnalyzedAt: optional(i.AnalyzedAt),
		Detail: []wire.ImageDetail{}, StatusReason: i.Reason, Attempts: i.Attempts, Origin: i.Origin, Gaps: i.Facts.Gaps,
	}
	if i.Status == wire.Analyzed {
		r.Content.Metadata = metadataOf(i.Facts)
	}
	for _, t := range tags {
		r.Detail = append(r.Detail, detailOf(i, t))
	}
	return r
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func metadataOf(f store.Facts) wire.ImageMetadata {
	m := wire.ImageMetadata{
		Arch: &f.Arch, Distro: &f.Distro, DistroVersion: &f.DistroVersion, ImageSize: &f.Size, LayerCount: &f.Layers,
	}
	if f.DockerfileMode != "" {
		m.DockerfileMode = &f.DockerfileMode
	}
	return m
}

func nameOf(t store.Tag) reference.Reference {
	return reference.Reference{Registry: t.Registry, Repository: t.Repository, Tag: t.Tag}
}

func detailOf(i store.Image, t store.Tag) wire.ImageDetail {
	name := nameOf(t)
	return wire.ImageDetail{
		AccountName: i.Account, FullTag: name.FullTag(), FullDigest: name.FullDigest(i.Digest),
		Registry: t.Registry, Repository: t.Repository, Tag: t.Tag, Digest: i.Digest, ImageID: i.ImageID,
		CreatedAt: t.CreatedAt, LastUpdated: i.UpdatedAt, TagDetectedAt: t.DetectedAt,
	}
}

func transitionsOf(history []store.Transition) []wire.Transition {
	list := []wire.Transition{}
	for _, m := range history {
		list = append(list, wire.Transition{
			From: m.From, To: m.To, Timestamp: m.At, Reason: m.Reason, Attempt: m.Attempt,
			Source: wire.TransitionSource{
				HostID: m.Host, ServiceName: m.Service, Worker: m.Worker, Engine: "syft-native-pipeline", Version: m.Version,
			},
		})
	}
	return list
}
