package image

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// Bounds of a repository's tags.
const (
	maxTags     = 100_000
	tagsPage    = 1000
	maxTagsPage = 16 << 20 // bytes of one answer
)

// Tags lists the tags of a repository, "registry/repository", as its registry
// orders them.
func Tags(ctx context.Context, repository string, o Registry) ([]string, error) {
	ref, err := reference.Parse(repository)
	if err != nil {
		return nil, err
	}
	c, err := newRegistryClient(ctx, ref, o)
	if err != nil {
		return nil, err
	}
	defer c.close()
	all := []string{}
	query := url.Values{"n": {"1000"}}
	for range maxTags/tagsPage + 1 {
		some, next, err := c.tags(ctx, query)
		if err != nil {
			return nil, c.fail.of(ctx, err)
		}
		if all = append(all, some...); len(all) > maxTags {
			break
		}
		if next == nil || len(some) == 0 {
			return all, nil
		}
		query = next
	}
	return nil, fault.New(fault.TooLarge, "%s has more than %d tags, or its list has no end", ref.Name(), maxTags)
}

// tags is one page of them, and the query for the next; nil where there is none.
func (c *registryClient) tags(ctx context.Context, query url.Values) (some []string, next url.Values, err error) {
	err = c.again(ctx, func() error {
		resp, err := c.get(ctx, "tags/list?"+query.Encode(), 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := readSmall(resp.Body, maxTagsPage)
		if err != nil {
			return err
		}
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return fault.New(fault.Unavailable, "%s gives a list of tags that is none: %w", c.fail.authority, err)
		}
		some, next = page.Tags, nextPage(resp.Header.Values("Link"))
		return nil
	})
	return some, next, err
}

var linkPattern = regexp.MustCompile(`<([^>]*)>[^,]*\brel="?next"?`)

// nextPage is the query of the link to the next page. Where the link leads is not
// followed: the repository's address is known.
func nextPage(links []string) url.Values {
	m := linkPattern.FindStringSubmatch(strings.Join(links, ", "))
	if m == nil {
		return nil
	}
	u, err := url.Parse(m[1])
	if err != nil || u.RawQuery == "" {
		return nil
	}
	return u.Query()
}
