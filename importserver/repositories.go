package importserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// watched is what a subscription to a repository keeps in its value.
type watched struct {
	AutoSubscribe bool     `json:"autosubscribe"`
	LookupTag     string   `json:"lookuptag"`
	TagCount      int      `json:"tagcount"`
	Tags          []string `json:"repotags"` // that are known: a watch adds the others
}

// AddRepository lists a repository's tags and subscribes to it. A dry run only
// tells which tags there are.
func (a *Account) AddRepository(ctx context.Context, name string, o wire.RepositoryOptions) (wire.Subscription, error) {
	name, err := repositoryName(name)
	if err != nil {
		return wire.Subscription{}, err
	}
	tags, err := a.tagsIn(ctx, name)
	if err != nil {
		return wire.Subscription{}, err
	}
	s := a.newSubscription(name, wire.SubscribeRepo)
	value := watched{AutoSubscribe: o.AutoSubscribe, TagCount: len(tags), Tags: []string{}}
	if len(tags) > 0 {
		value.LookupTag = tags[0]
	}
	if o.DryRun || o.ExcludeTags {
		value.Tags = tags
	}
	if o.DryRun {
		s.Value, err = asValue(value)
		return subscriptionOf(s), err
	}
	s.Active, s.Asked = true, true
	err = a.inTx(ctx, func(tx *store.Tx) error {
		old, err := tx.Subscription(ctx, a.name, s.ID)
		if err != nil && !errors.Is(err, store.ErrNone) {
			return err
		}
		known := err == nil
		if known {
			s.CreatedAt = old.CreatedAt
			value.keep(old.Value)
		}
		if s.Value, err = asValue(value); err != nil {
			return err
		}
		if len(*s.Value) > maxWatchedTags {
			return fault.New(fault.TooLarge, "watch %s: its %d tags take more than %d bytes", name, len(value.Tags), maxWatchedTags).
				WithHint("watch it without leaving out the tags that there are")
		}
		if known {
			err = tx.UpdateSubscription(ctx, s)
		} else {
			_, err = tx.InsertSubscription(ctx, s)
		}
		if err != nil {
			return err
		}
		return a.subscribesEnough(ctx, tx)
	})
	return subscriptionOf(s), err
}

// keep takes over the tags that an older value knows.
func (w *watched) keep(value *string) {
	var old watched
	if value == nil || len(w.Tags) > 0 || json.Unmarshal([]byte(*value), &old) != nil || old.Tags == nil {
		return
	}
	w.Tags = old.Tags
}

func asValue(w watched) (*string, error) {
	data, err := json.Marshal(w)
	text := string(data)
	return &text, err
}

// tagsIn asks the registry for a repository's tags.
func (a *Account) tagsIn(ctx context.Context, name string) ([]string, error) {
	r, err := reference.Parse(name)
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return nil, err
	}
	if a.server.functions.Tags == nil {
		return nil, fault.New(fault.Unsupported, "this server cannot ask registries")
	}
	l, err := a.login(ctx, r)
	if err != nil {
		return nil, lookupFault(err)
	}
	tags, err := a.server.functions.Tags(ctx, name, l)
	if err == nil {
		if tags == nil {
			tags = []string{}
		}
		return tags, nil
	}
	if ctx.Err() != nil {
		return nil, err
	}
	a.noteAlone(ctx, event{
		Type: wire.EventListTagsFailed, Level: wire.LevelError, Message: "the repository's tags could not be listed: " + told(err),
		ResourceType: resourceRepository, ResourceID: name, Details: map[string]any{"error_codes": codesOf(err)},
	})
	return nil, lookupFault(a.refusedLogin(ctx, name, l, fmt.Errorf("list the tags of %s: %w", name, err)))
}
