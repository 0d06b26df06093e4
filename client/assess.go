package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/tidepole/tidepole/formats/wire"
)

// Vulnerabilities are those of an image's packages.
func (c *Client) Vulnerabilities(ctx context.Context, digest string, f wire.VulnerabilityFilter) (wire.Vulnerabilities, error) {
	kind := f.Type
	if kind == "" {
		kind = "all"
	}
	k := of(digest, "get vulnerabilities", wire.RouteVuln, kind)
	k.patience = working
	k.query = url.Values{"vendor_only": {strconv.FormatBool(f.VendorOnly)}} // true where absent
	flag(k.query, "include_vuln_description", f.Descriptions)
	flag(k.query, "force_refresh", f.Refresh)
	text(k.query, "base_digest", f.Base)
	return get[wire.Vulnerabilities](ctx, c, k)
}

// Check is what a policy says of an image under a tag.
func (c *Client) Check(ctx context.Context, digest string, r wire.CheckRequest) (wire.Check, error) {
	k := of(digest, "check", wire.RouteCheck)
	k.patience = working
	k.query = url.Values{"detail": {strconv.FormatBool(r.Detail)}} // true where absent
	text(k.query, "tag", r.Tag)
	text(k.query, "policy_id", r.PolicyID)
	flag(k.query, "history", r.History)
	flag(k.query, "interactive", r.Interactive)
	text(k.query, "base_digest", r.Base)
	return get[wire.Check](ctx, c, k)
}
