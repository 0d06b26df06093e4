package importserver

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// serviceNames are what the contract's services are called: one does everything, and
// workers help it.
var serviceNames = map[string]string{wire.ProcessServer: "tidepole", wire.ProcessWorker: "tidepole-worker"}

// Services are the services of a name, "" being any, and of a host, likewise: one for
// each process on the store.
func (a *Account) Services(ctx context.Context, name, host string) ([]wire.Service, error) {
	rows, err := a.services(ctx, name, host)
	if err != nil {
		return nil, err
	}
	list := []wire.Service{}
	for _, p := range rows {
		row, err := a.service(ctx, p)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, nil
}

// services are the processes that are called so; fault.NotFound where there is none.
func (a *Account) services(ctx context.Context, name, host string) ([]store.Process, error) {
	rows, err := a.server.store.View().Processes(ctx)
	if err != nil {
		return nil, err
	}
	var all []store.Process
	var have []string
	for _, p := range rows {
		have = append(have, serviceNames[p.Kind]+" on "+p.Host)
		if (name == "" || name == serviceNames[p.Kind]) && (host == "" || host == p.Host) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "there is no service %.100q on a host %.100q", name, host).
			WithHint("have %.500s", strings.Join(have, ", "))
	}
	return all, nil
}

// service is a process as the contract shows it. This one's state is told in full.
func (a *Account) service(ctx context.Context, p store.Process) (wire.Service, error) {
	s := wire.Service{Host: p.Host, Name: serviceNames[p.Kind], Up: a.server.lives(p), Message: "registered", Version: p.Version}
	if !s.Up {
		s.Message = "silent since " + p.BeatAt.Format(time.RFC3339)
	}
	var err error
	if p.Name == a.server.name {
		s.Detail, err = a.Status(ctx)
		return s, err
	}
	version, err := a.server.store.Version(ctx)
	s.Detail = wire.Status{
		Available: s.Up, Up: s.Up, Version: p.Version, DBVersion: strconv.FormatInt(version, 10), Message: cmp.Or(p.Message, allGood),
		Detail: map[string]any{"workers": p.Capacity, "database": map[string]any{"digest": p.Database}},
	}
	return s, err
}

func getSystem(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Services(r.Context(), "", "")
	return give(w, map[string]any{"service_states": list}, err)
}

func listServices(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Services(r.Context(), r.PathValue("service_name"), r.PathValue("host_id"))
	return give(w, list, err)
}

// deleteService forgets services that are gone; others of the same name and host stay.
func deleteService(a *Account, w http.ResponseWriter, r *http.Request) error {
	rows, err := a.services(r.Context(), r.PathValue("service_name"), r.PathValue("host_id"))
	if err != nil {
		return err
	}
	up := rows[0]
	rows = slices.DeleteFunc(rows, a.server.lives)
	if len(rows) == 0 {
		return fault.New(fault.Invalid, "the service %s on %s is up: process %d", serviceNames[up.Kind], up.Host, up.PID).
			WithHint("a process that ends takes itself off the list")
	}
	return a.server.store.InTx(r.Context(), func(tx *store.Tx) error {
		for _, p := range rows {
			if err := tx.DropProcess(r.Context(), p.Name); err != nil {
				return err
			}
		}
		return nil
	})
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
