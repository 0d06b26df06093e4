package importserver

import (
	"context"
	"net/http"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// serviceName is that of the one service which does everything.
const serviceName = "tidepole"

// Services are the services of a name, "" being any, and of a host, likewise: there
// is one, which answers.
func (a *Account) Services(ctx context.Context, name, host string) ([]wire.Service, error) {
	status, err := a.Status(ctx)
	if err != nil {
		return nil, err
	}
	own := a.server.options.Host
	if name != "" && name != serviceName || host != "" && host != own {
		return nil, fault.New(fault.NotFound, "there is no service %.100q on a host %.100q", name, host).
			WithHint("have %s on %s, which does everything", serviceName, own)
	}
	return []wire.Service{{
		Host: own, Name: serviceName, Up: true, Message: "registered", Version: status.Version, Detail: status,
	}}, nil
}

func getSystem(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Services(r.Context(), "", "")
	return give(w, map[string]any{"service_states": list}, err)
}

func listServices(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Services(r.Context(), r.PathValue("service_name"), r.PathValue("host_id"))
	return give(w, list, err)
}

// deleteService refuses: services that are gone leave nothing that could be deleted.
func deleteService(a *Account, w http.ResponseWriter, r *http.Request) error {
	_, err := a.Services(r.Context(), r.PathValue("service_name"), r.PathValue("host_id"))
	if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "the service %s on %s is this server, which is up", serviceName, a.server.options.Host)
}

// registryErrors are the error_codes that faults of look-ups have, and what each says.
var registryErrors = []wire.ErrorCode{
	{Name: "REGISTRY_PERMISSION_DENIED", Description: "The registry does not let the server read the image with the login that it has."},
	{Name: "REGISTRY_IMAGE_NOT_FOUND", Description: "The registry has no such image."},
	{Name: "REGISTRY_NOT_ACCESSIBLE", Description: "The registry cannot be reached, or does not answer as one."},
	{Name: "REGISTRY_NOT_SUPPORTED", Description: "The registry has the image in a form that cannot be analysed."},
	{Name: "OSARCH_MISMATCH", Description: "The image is not for the platform that was asked for."},
	{Name: "FEED_SYNC_ALREADY_IN_PROGRESS", Description: "The vulnerability database is being brought up to date already."},
	{Name: "UNKNOWN", Description: "Something else; the message says what."},
}

func getErrorCodes(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	return give(w, registryErrors, nil)
}
