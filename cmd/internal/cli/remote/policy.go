package remote

import (
	"context"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/fault"
)

// PolicyID is the id of the policy that a person names by id or by name.
func PolicyID(ctx context.Context, c *client.Client, name string) (string, error) {
	records, err := c.Policies(ctx, false)
	if err != nil {
		return "", err
	}
	var named []string
	for _, r := range records {
		if r.ID == name {
			return r.ID, nil
		}
		if r.Name == name {
			named = append(named, r.ID)
		}
	}
	switch len(named) {
	case 0:
		return "", fault.New(fault.NotFound, "the server has no policy %q", name).
			WithHint("tidepole policy list shows what it has")
	case 1:
		return named[0], nil
	}
	return "", fault.New(fault.Conflict, "%d policies are called %q", len(named), name).
		WithHint("name it by its id; tidepole policy list shows the ids")
}
