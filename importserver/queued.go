package importserver

import (
	"context"
	"errors"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	queuePage    = 100
	maxQueuePage = 1000
)

// workStates are the states of work, in the order of the list.
var workStates = []string{store.Running, store.Queued, store.Delayed}

// Queue lists the account's work, or that of all accounts: what is under way, what is
// in line and what waits for its next attempt.
func (a *Account) Queue(ctx context.Context, f wire.QueueFilter) (wire.Queue, error) {
	whose := a.name
	if f.AllAccounts {
		if !a.system() {
			return wire.Queue{}, fault.New(fault.Forbidden, "only users of the account %s may see the work of all accounts", Admin)
		}
		whose = ""
	}
	set(&f.Page, 1)
	set(&f.Limit, queuePage)
	if f.Page < 1 || f.Page > maxPage {
		return wire.Queue{}, noPage("list the queue", f.Page)
	}
	if f.Limit < 1 {
		return wire.Queue{}, noLimit("list the queue", f.Limit, maxQueuePage)
	}
	f.Limit = min(f.Limit, maxQueuePage)
	answer := wire.Queue{Items: []wire.Work{}, Page: f.Page, Limit: f.Limit}
	skip := (f.Page - 1) * f.Limit
	for _, state := range workStates {
		n, err := a.server.store.View().CountItems(ctx, state, whose)
		if err != nil {
			return wire.Queue{}, err
		}
		*map[string]*int{store.Running: &answer.Running, store.Queued: &answer.Queued, store.Delayed: &answer.Delayed}[state] = n
		if f.State != "" && f.State != state {
			continue
		}
		if room := f.Limit - len(answer.Items); room > 0 && skip < n {
			if err := a.addItems(ctx, &answer, state, whose, skip, room); err != nil {
				return wire.Queue{}, err
			}
		}
		skip = max(skip-n, 0)
	}
	return answer, nil
}

func (a *Account) addItems(ctx context.Context, answer *wire.Queue, state, whose string, skip, room int) error {
	view := a.server.store.View()
	items, err := view.Items(ctx, state, whose, skip, room)
	if err != nil {
		return err
	}
	bulk := 0 // in line
	if state == store.Queued {
		if bulk, err = view.CountInLine(ctx, queue.Bulk, whose); err != nil {
			return err
		}
	}
	for n, item := range items {
		w, err := a.work(ctx, item)
		if err != nil {
			return err
		}
		switch state {
		case store.Queued:
			w.Position = queue.Ahead(item.Priority, skip+n, answer.Queued-bulk, bulk) + 1
		case store.Delayed:
			w.Position = answer.Queued + skip + n + 1
		}
		answer.Items = append(answer.Items, w)
	}
	return nil
}

// ImageQueue is what is to be done for one image, and what was tried.
func (a *Account) ImageQueue(ctx context.Context, digest string) (wire.ImageQueue, error) {
	i, err := a.image(ctx, digest)
	if err != nil {
		return wire.ImageQueue{}, err
	}
	answer := wire.ImageQueue{Digest: digest, Status: i.Status, StatusReason: i.Reason, Attempts: []wire.Attempt{}}
	view := a.server.store.View()
	item, err := view.Work(ctx, i.ID)
	switch {
	case err == nil:
		w, err := a.work(ctx, store.Item{Work: item, Digest: digest})
		if err == nil && item.Token == "" {
			w.Position, err = a.position(ctx, item)
		}
		if err != nil {
			return answer, err
		}
		answer.Work = &w
	case !errors.Is(err, store.ErrNone):
		return answer, err
	}
	attempts, err := view.Attempts(ctx, i.ID)
	for _, t := range attempts {
		answer.Attempts = append(answer.Attempts, wire.Attempt{
			Number: t.Number, Stage: t.Stage, Worker: t.Worker, Begun: t.Begun, Ended: t.Ended, Outcome: t.Outcome, Reason: t.Reason,
		})
	}
	return answer, err
}

// position is where a free item stands, 1 being next: among all where whoever asks may
// know how much others have waiting.
func (a *Account) position(ctx context.Context, w store.Work) (int, error) {
	whose := a.name
	if a.system() {
		whose = ""
	}
	ahead, err := a.server.queue.Ahead(ctx, a.server.store.View(), w, whose)
	return ahead + 1, err
}

// work is an item as the API shows it, but for its position.
func (a *Account) work(ctx context.Context, item store.Item) (wire.Work, error) {
	w := wire.Work{
		Digest: item.Digest, AccountName: item.Account, Tags: []string{}, Stage: item.Stage, State: store.Running, Priority: wire.Interactive,
		Attempts: item.Attempts, MaxAttempts: a.server.options.MaxAttempts, CreatedAt: item.CreatedAt,
		Worker: item.Worker, ClaimedAt: optional(item.ClaimedAt), ExpiresAt: optional(item.ExpiresAt), Progress: item.Progress,
	}
	if item.Priority >= queue.Bulk {
		w.Priority = wire.Bulk
	}
	tags, err := a.server.store.View().Tags(ctx, item.Image)
	if err != nil {
		return w, err
	}
	for _, t := range tags {
		w.Tags = append(w.Tags, nameOf(t).FullTag())
	}
	if item.Token != "" {
		return w, nil
	}
	w.State = store.Queued
	if item.Delayed {
		w.State, w.NotBefore = store.Delayed, optional(item.NotBefore)
	}
	return w, nil
}
