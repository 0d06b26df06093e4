package importserver_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// What another account has is answered as what does not exist, and its logins are
// not used.
func TestAnotherAccountsEventsSubscriptionsAndLogins(t *testing.T) {
	e := doorman()
	s := open(t, e, options(t.TempDir()))
	for _, name := range []string{"one", "two"} {
		if _, err := s.Account(importserver.Admin).AddAccount(t.Context(), wire.AccountRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	one, two := s.Account("one"), s.Account("two")
	user, password := "puller", registrySecret
	if _, err := one.AddRegistry(t.Context(), wire.RegistryRequest{Registry: "r.io", User: &user, Password: &password}, true); err != nil {
		t.Fatal(err)
	}
	add := func(a *importserver.Account) error {
		_, err := a.AddImage(t.Context(), wire.ImageRequest{Source: wire.ImageSource{Tag: &wire.TagSource{PullString: "r.io/a:1"}}}, wire.AddOptions{})
		return err
	}
	if err := add(one); err != nil {
		t.Fatal(err)
	}
	if err := add(two); fault.Of(err) != fault.Invalid {
		t.Errorf("an image was added with another account's login: %v", err)
	}
	if _, err := one.AddRepository(t.Context(), "r.io/none:", wire.RepositoryOptions{}); err == nil {
		t.Error("a repository that is none")
	}
	subscriptions, err := one.Subscriptions(t.Context(), "", "")
	if err != nil || len(subscriptions) != 4 {
		t.Fatalf("subscriptions of one: %+v, %v", subscriptions, err)
	}
	events, err := two.Events(t.Context(), wire.EventFilter{})
	if err != nil || len(events.Results) != 1 {
		t.Fatalf("events of two: %+v, %v", events, err)
	}
	if list, err := two.Subscriptions(t.Context(), "", ""); len(list) != 0 || err != nil {
		t.Errorf("two sees %+v, %v", list, err)
	}
	if list, err := two.Registries(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("two sees %+v, %v", list, err)
	}
	event, subscription := events.Results[0].ID, subscriptions[0].ID
	for name, ask := range map[string]func(a *importserver.Account, id string) error{
		"get event":           func(a *importserver.Account, id string) error { _, err := a.Event(t.Context(), id); return err },
		"delete event":        func(a *importserver.Account, id string) error { return a.DeleteEvent(t.Context(), id) },
		"get subscription":    func(a *importserver.Account, id string) error { _, err := a.Subscription(t.Context(), id); return err },
		"delete subscription": func(a *importserver.Account, id string) error { return a.DeleteSubscription(t.Context(), id) },
		"change subscription": func(a *importserver.Account, id string) error {
			_, err := a.UpdateSubscription(t.Context(), id, wire.SubscriptionUpdate{})
			return err
		},
		"get registry":    func(a *importserver.Account, id string) error { _, err := a.Registry(t.Context(), id); return err },
		"delete registry": func(a *importserver.Account, id string) error { return a.DeleteRegistry(t.Context(), id) },
		"change registry": func(a *importserver.Account, id string) error {
			_, err := a.UpdateRegistry(t.Context(), id, wire.RegistryRequest{}, true)
			return err
		},
	} {
		theirs := map[string]string{"event": event, "subscription": subscription, "registry": "r.io"}
		var what string
		fmt.Sscanf(name, "%s %s", new(string), &what)
		stranger := two
		if what == "event" {
			stranger = one
		}
		got, want := fmt.Sprint(ask(stranger, theirs[what])), fmt.Sprint(ask(stranger, "none"))
		if diff := cmp.Diff(want, got); diff != "" || got == "<nil>" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
