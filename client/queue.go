package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/tidepole/tidepole/formats/wire"
)

// Queue lists the work on images that is under way or waiting, a page at a time.
func (c *Client) Queue(ctx context.Context, f wire.QueueFilter) (wire.Queue, error) {
	q := url.Values{}
	text(q, "state", f.State)
	flag(q, "all_accounts", f.AllAccounts)
	if f.Page > 0 {
		q.Set("page", strconv.Itoa(f.Page))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[wire.Queue](ctx, c, call{doing: "list the queue", route: wire.RouteQueue, query: q})
}

// ImageQueue is the work on one image, and the attempts at it.
func (c *Client) ImageQueue(ctx context.Context, digest string) (wire.ImageQueue, error) {
	return get[wire.ImageQueue](ctx, c, call{doing: "get the work on image " + digest, route: wire.RouteImageQueue, values: []string{digest}})
}

// Cancel ends the analysis of an image, queued or under way.
func (c *Client) Cancel(ctx context.Context, digest string) (wire.Image, error) {
	return get[wire.Image](ctx, c, call{doing: "cancel image " + digest, method: post, route: wire.RouteCancel, values: []string{digest}})
}

// Retry has an image analysed again that failed.
func (c *Client) Retry(ctx context.Context, digest string) (wire.Image, error) {
	return get[wire.Image](ctx, c, call{doing: "retry image " + digest, method: post, route: wire.RouteRetry, values: []string{digest}})
}
