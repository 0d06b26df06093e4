package importserver

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// eventsOps are the operations of events and subscriptions.
var eventsOps = map[string]operation{
	"list_event_types":    listEventTypes,
	"list_events":         listEvents,
	"delete_events":       deleteEvents,
	"get_event":           getEvent,
	"delete_event":        deleteEvent,
	"list_subscriptions":  listSubscriptions,
	"add_subscription":    addSubscription,
	"get_subscription":    getSubscription,
	"update_subscription": updateSubscription,
	"delete_subscription": deleteSubscription,
}

func listEventTypes(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	return give(w, eventTypes, nil)
}

func listEvents(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, err := eventFilter(q)
	if err != nil {
		return err
	}
	if f.Page, err = queryInt(q, "page", 1); err != nil {
		return err
	}
	if f.Limit, err = queryInt(q, "limit", eventsPage); err != nil {
		return err
	}
	if f.Page == 0 {
		return noPage("list events", f.Page)
	}
	page, err := a.Events(r.Context(), f)
	return give(w, page, err)
}

// eventFilter reads what chooses events.
func eventFilter(q url.Values) (wire.EventFilter, error) {
	f := wire.EventFilter{
		Type: q.Get("event_type"), Level: q.Get("level"), ResourceType: q.Get("resource_type"), ResourceID: q.Get("resource_id"),
		Service: q.Get("source_service_name"), Host: q.Get("source_host_id"),
	}
	var err error
	if f.Since, err = queryTime(q, "since"); err != nil {
		return f, err
	}
	f.Before, err = queryTime(q, "before")
	return f, err
}

// timeForms are the ways in which clients write times; without a zone it is UTC.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly}

// queryTime reads a time of a query; zero where there is none.
func queryTime(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "%s: %.100q is not a time", name, text).
		WithHint("write it as %s", "2006-01-02T15:04:05Z")
}

// queryInt reads a number of a query.
func queryInt(q url.Values, name string, without int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrRange) { // n is as near as can be
		return n, nil
	}
	if err != nil {
		return 0, fault.New(fault.Invalid, "%s: %.100q is not a number", name, text)
	}
	return n, nil
}

func deleteEvents(a *Account, w http.ResponseWriter, r *http.Request) error {
	f, err := eventFilter(r.URL.Query())
	if err != nil {
		return err
	}
	ids, err := a.DeleteEvents(r.Context(), wire.EventFilter{Level: f.Level, Since: f.Since, Before: f.Before})
	return give(w, ids, err)
}

func getEvent(a *Account, w http.ResponseWriter, r *http.Request) error {
	e, err := a.Event(r.Context(), r.PathValue("event_id"))
	return give(w, e, err)
}

func deleteEvent(a *Account, w http.ResponseWriter, r *http.Request) error {
	if err := a.DeleteEvent(r.Context(), r.PathValue("event_id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func listSubscriptions(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	list, err := a.Subscriptions(r.Context(), q.Get("subscription_key"), q.Get("subscription_type"))
	return give(w, list, err)
}

// giveSubscription answers with a list of one, as the contract has it.
func giveSubscription(w http.ResponseWriter, s wire.Subscription, err error) error {
	return give(w, []wire.Subscription{s}, err)
}

func addSubscription(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.SubscriptionRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	s, err := a.AddSubscription(r.Context(), req)
	return giveSubscription(w, s, err)
}

func getSubscription(a *Account, w http.ResponseWriter, r *http.Request) error {
	s, err := a.Subscription(r.Context(), r.PathValue("subscription_id"))
	return giveSubscription(w, s, err)
}

func updateSubscription(a *Account, w http.ResponseWriter, r *http.Request) error {
	var u wire.SubscriptionUpdate
	if err := readJSON(r, &u); err != nil {
		return err
	}
	s, err := a.UpdateSubscription(r.Context(), r.PathValue("subscription_id"), u)
	return giveSubscription(w, s, err)
}

func deleteSubscription(a *Account, w http.ResponseWriter, r *http.Request) error {
	if err := a.DeleteSubscription(r.Context(), r.PathValue("subscription_id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
