package importserver

import (
	"context"
	"slices"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Bounds of a question for tags: databases have some of their own.
const (
	maxPart   = 1000 // bytes
	maxOrders = 20
)

// eachTagSummary visits the account's tags in short, as they were rendered, many at once
// as elements of a list in JSON, newest first unless another order is asked for; and
// tells how many there are on all pages.
func (a *Account) eachTagSummary(ctx context.Context, f wire.TagFilter, visit func(summaries []byte) error) (total int, err error) {
	s, err := slice(&f.PageRequest)
	if err != nil {
		return 0, err
	}
	if len(f.Part) > maxPart || len(f.OrderBy) > maxOrders {
		return 0, fault.New(fault.Invalid, "a filter has %d bytes at most, and an order %d columns", maxPart, maxOrders)
	}
	s.Limit = f.Limit // the total tells whether more follows
	q := store.TaggedQuery{
		Registry: f.Registry, Repository: f.Repository, Tag: f.Tag, AnalyzedSince: f.AnalyzedSince, Part: f.Part, Slice: s,
	}
	for _, status := range f.Statuses {
		if status != "all" && !statuses[status] {
			return 0, fault.New(fault.Invalid, "there is no analysis status %.100q", status)
		}
		q.Statuses = append(q.Statuses, status)
	}
	if slices.Contains(q.Statuses, "all") {
		q.Statuses = nil
	}
	for n, by := range f.OrderBy {
		if by == "image_status" { // it is the same for all
			continue
		}
		if !store.Ordered(by) {
			return 0, fault.New(fault.Invalid, "tags cannot be ordered by %.100q", by)
		}
		q.Order = append(q.Order, store.Order{By: by, Descending: n < len(f.Descending) && f.Descending[n]})
	}
	if f.Running || !active(f.Records) { // no inventory is kept, and images are deleted at once
		return 0, nil
	}
	return a.server.store.View().Tagged(ctx, a.name, q, visit)
}

// taggedOf is what the summaries of an image's tags say of the image.
func taggedOf(i store.Image) wire.TaggedImage {
	return wire.TaggedImage{
		Digest: i.Digest, ParentDigest: i.ParentDigest, ImageID: i.ImageID, Status: i.Status,
		AnalyzedAt: seconds(i.AnalyzedAt), RecordStatus: wire.Active,
	}
}

// tagOf is what the summary of a tag says of the tag itself.
func tagOf(t store.Tag) wire.TagTimes {
	return wire.TagTimes{FullTag: nameOf(t).FullTag(), CreatedAt: t.CreatedAt.Unix(), DetectedAt: t.DetectedAt.Unix()}
}

// active tells whether records of images that are there are asked for.
func active(records []string) bool {
	return len(records) == 0 || slices.Contains(records, wire.Active) || slices.Contains(records, "all")
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// CountImages counts the account's images and tags: those of a registry and of a
// repository where they are given.
func (a *Account) CountImages(ctx context.Context, f wire.CountFilter) (wire.ImageCounts, error) {
	if !active(f.Records) {
		return wire.ImageCounts{}, nil
	}
	images, tags, err := a.server.store.View().CountTagged(ctx, a.name, f.Registry, f.Repository)
	if err != nil {
		return wire.ImageCounts{}, err
	}
	c := wire.ImageCounts{
		Tags: tags, Analyzed: images[wire.Analyzed], Analyzing: images[wire.Analyzing],
		Pending: images[wire.NotAnalyzed], Failed: images[wire.AnalysisFailed],
	}
	c.Images = c.Analyzed + c.Analyzing + c.Pending + c.Failed
	return c, nil
}
