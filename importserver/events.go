package importserver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Bounds of a page of events.
const (
	eventsPage    = 100
	maxEventsPage = 1000
	maxPage       = 1_000_000
	eventsDropped = 1000 // events deleted in one transaction
)

// Events is one page of the account's events, newest first.
func (a *Account) Events(ctx context.Context, f wire.EventFilter) (wire.Events, error) {
	set(&f.Page, 1)
	set(&f.Limit, eventsPage)
	if f.Page < 1 || f.Page > maxPage {
		return wire.Events{}, noPage("list events", f.Page)
	}
	if f.Limit < 1 {
		return wire.Events{}, noLimit("list events", f.Limit, maxEventsPage)
	}
	f.Limit = min(f.Limit, maxEventsPage)
	q, err := eventQuery(f)
	if err != nil {
		return wire.Events{}, err
	}
	q.Offset, q.Limit = (f.Page-1)*f.Limit, f.Limit+1 // one more tells whether there is another page
	rows, err := a.server.store.View().Events(ctx, a.name, q)
	if err != nil {
		return wire.Events{}, err
	}
	page := wire.Events{Results: []wire.Event{}, NextPage: len(rows) > f.Limit, Page: f.Page}
	for _, e := range rows[:min(len(rows), f.Limit)] {
		page.Results = append(page.Results, eventOf(e))
	}
	page.Count = len(page.Results)
	return page, nil
}

// noPage refuses a page that there cannot be.
func noPage(doing string, page int) error {
	return fault.New(fault.Invalid, "%s: there is no page %d", doing, page).
		WithHint("pages count from 1 to %d", maxPage)
}

// noLimit refuses a limit that is negative. One beyond the most of a page is as much as
// that, for clients mean all by it.
func noLimit(doing string, limit, most int) error {
	return fault.New(fault.Invalid, "%s: a limit of %d says nothing", doing, limit).
		WithHint("a page has 1 to %d", most)
}

// eventQuery is what a filter asks the rows for, but for the page.
func eventQuery(f wire.EventFilter) (store.EventQuery, error) {
	q := store.EventQuery{
		Type: f.Type, Level: strings.ToLower(f.Level), ResourceType: f.ResourceType, ResourceID: f.ResourceID,
		Service: f.Service, Host: f.Host, Since: f.Since, Before: f.Before,
	}
	if q.Level != "" && q.Level != wire.LevelInfo && q.Level != wire.LevelError {
		return q, fault.New(fault.Invalid, "there is no level %.100q; have info, error", f.Level)
	}
	return q, nil
}

// Event is one of the account's events.
func (a *Account) Event(ctx context.Context, id string) (wire.Event, error) {
	e, err := a.server.store.View().Event(ctx, a.name, id)
	if errors.Is(err, store.ErrNone) {
		return wire.Event{}, noEvent(id)
	}
	return eventOf(e), err
}

func noEvent(id string) error {
	return fault.New(fault.NotFound, "event not found in DB").WithDetail("event_id", cut(id, 100))
}

// DeleteEvent deletes one of the account's events.
func (a *Account) DeleteEvent(ctx context.Context, id string) error {
	err := a.inTx(ctx, func(tx *store.Tx) error { return tx.DeleteEvent(ctx, a.name, id) })
	if errors.Is(err, store.ErrNone) {
		return noEvent(id)
	}
	return err
}

// DeleteEvents deletes the account's events that a filter chooses, and gives
// their ids. Those that come meanwhile stay.
func (a *Account) DeleteEvents(ctx context.Context, f wire.EventFilter) ([]string, error) {
	q, err := eventQuery(f)
	if err != nil {
		return nil, err
	}
	if now := a.server.now().Add(time.Microsecond); q.Before.IsZero() || q.Before.After(now) {
		q.Before = now
	}
	q.Limit = eventsDropped
	ids := []string{}
	for {
		var some []string
		err := a.inTx(ctx, func(tx *store.Tx) error {
			some, err = tx.DeleteEvents(ctx, a.name, q)
			return err
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
		if len(some) == 0 { // fewer than were asked for may be because others delete, too
			return ids, nil
		}
	}
}

// dropEvents deletes events that are too old or too many.
func (s *Server) dropEvents(ctx context.Context) error {
	err := s.store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.DropEvents(ctx, s.now().Add(-s.options.EventAge))
		return err
	})
	if err != nil {
		return err
	}
	crowded, err := s.store.View().Crowded(ctx, s.options.MaxEvents) // counting takes long: nobody waits for it
	if err != nil {
		return err
	}
	for _, account := range crowded {
		err := s.store.InTx(ctx, func(tx *store.Tx) error {
			_, err := tx.KeepEvents(ctx, account, s.options.MaxEvents)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func eventOf(e store.Event) wire.Event {
	category, _, _ := strings.Cut(e.Type, ".")
	return wire.Event{ID: e.ID, CreatedAt: e.At, Event: wire.EventRecord{
		Source:   wire.EventSource{Service: e.Service, Host: e.Host, RequestID: e.Request},
		Resource: wire.EventResource{Account: e.Account, ID: e.ResourceID, Type: e.ResourceType},
		Type:     e.Type, Category: category, Level: e.Level, Message: e.Message, Details: e.Details, Timestamp: e.At,
	}}
}
