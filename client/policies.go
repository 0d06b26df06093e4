package client

import (
	"context"
	"net/url"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
)

// Policies lists the account's policies; with detail, whole.
func (c *Client) Policies(ctx context.Context, detail bool) ([]wire.PolicyRecord, error) {
	q := url.Values{}
	flag(q, "detail", detail)
	return get[[]wire.PolicyRecord](ctx, c, call{doing: "list policies", route: wire.RoutePolicies, query: q})
}

// Policy is one policy, whole.
func (c *Client) Policy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	return get[wire.PolicyRecord](ctx, c, call{
		doing: "get policy " + id, route: wire.RoutePolicy, values: []string{id},
		query: url.Values{"detail": {"true"}},
	})
}

// AddPolicy adds a policy, inactive.
func (c *Client) AddPolicy(ctx context.Context, p policy.Policy) (wire.PolicyRecord, error) {
	return get[wire.PolicyRecord](ctx, c, call{
		doing: "add policy " + p.ID, method: post, route: wire.RoutePolicies, body: jsonBody(p),
		once: true, // the second would be a conflict with the first
	})
}

// UpdatePolicy replaces a policy; whether it is active stays as it is.
func (c *Client) UpdatePolicy(ctx context.Context, id string, p policy.Policy) (wire.PolicyRecord, error) {
	return get[wire.PolicyRecord](ctx, c, call{
		doing: "update policy " + id, method: put, route: wire.RoutePolicy, values: []string{id},
		body: jsonBody(wire.PolicyUpdate{ID: id, Policy: &p}),
	})
}

// ActivatePolicy makes a policy the account's active one.
func (c *Client) ActivatePolicy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	return get[wire.PolicyRecord](ctx, c, call{
		doing: "activate policy " + id, method: put, route: wire.RoutePolicy, values: []string{id},
		query: url.Values{"active": {"true"}},
		body:  jsonBody(wire.PolicyUpdate{ID: id, Active: true}),
	})
}

// DeletePolicy deletes a policy that is not active.
func (c *Client) DeletePolicy(ctx context.Context, id string) error {
	return c.do(ctx, call{
		doing: "delete policy " + id, method: del, route: wire.RoutePolicy, values: []string{id},
		once: true, take: ignore,
	})
}
