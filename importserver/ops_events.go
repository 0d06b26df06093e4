package importserver

// eventsOps are the operations of events and subscriptions.
var eventsOps = map[string]operation{}

// eventsPending are those that are yet to be built.
var eventsPending = []string{
	"list_event_types",
	"list_events",
	"delete_events",
	"get_event",
	"delete_event",
	"list_subscriptions",
	"add_subscription",
	"get_subscription",
	"update_subscription",
	"delete_subscription",
}
