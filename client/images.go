package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

// AddImage has the server pull and analyse an image.
func (c *Client) AddImage(ctx context.Context, r wire.ImageRequest, o wire.AddOptions) (wire.Receipt, error) {
	dockerfile := r.Source.Tag != nil && r.Source.Tag.Dockerfile != "" || r.Source.Digest != nil && r.Source.Digest.Dockerfile != ""
	return c.add(ctx, c.do, call{
		doing: "add image",
		body:  jsonBody(r),
		once:  dockerfile && !o.Force, // a Dockerfile for an image that is there already is refused
	}, o)
}

// add posts to the images; an import ends that way too.
func (c *Client) add(ctx context.Context, do func(context.Context, call) error, k call, o wire.AddOptions) (wire.Receipt, error) {
	var r wire.Receipt
	k.method, k.route, k.patience = post, wire.RouteImages, working
	k.query = url.Values{}
	flag(k.query, "force", o.Force)
	flag(k.query, "bulk", o.Bulk)
	if o.NoSubscribe {
		k.query.Set("auto_subscribe", "false")
	}
	read := into(k.doing, &r.Image)
	k.take = func(a *answer) error {
		r.Known = a.header.Get(wire.KnownHeader) == "true"
		if r.Known {
			r.Message = table.Clean(a.header.Get(wire.MessageHeader))
		}
		return read(a)
	}
	err := do(ctx, k)
	return r, err
}

// Images lists images, the newest first.
func (c *Client) Images(ctx context.Context, f wire.ImageFilter) ([]wire.Image, error) {
	q := url.Values{}
	text(q, "full_tag", f.FullTag)
	text(q, "image_id", f.ImageID)
	text(q, "analysis_status", f.Status)
	text(q, "image_status", f.Record)
	flag(q, "history", f.History)
	if !f.AnalyzedSince.IsZero() {
		q.Set("analyzed_since", f.AnalyzedSince.Format(time.RFC3339Nano))
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	l, err := get[wire.ImageList](ctx, c, call{doing: "list images", route: wire.RouteImages, query: q})
	return l.Items, err
}

// Image is the record of one image.
func (c *Client) Image(ctx context.Context, digest string) (wire.Image, error) {
	return get[wire.Image](ctx, c, imageCall(digest))
}

func imageCall(digest string) call {
	return call{doing: "get image " + digest, route: wire.RouteImage, values: []string{digest}}
}

// DeleteImages deletes images. What became of each is in the answer.
func (c *Client) DeleteImages(ctx context.Context, digests []string, force bool) ([]wire.Deletion, error) {
	q := url.Values{"image_digests": {strings.Join(digests, ",")}}
	flag(q, "force", force)
	return get[[]wire.Deletion](ctx, c, call{
		doing: "delete images", method: del, route: wire.RouteImages, query: q,
		once: true, // the second time there would be nothing to delete
	})
}
