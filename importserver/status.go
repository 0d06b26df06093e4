package importserver

import (
	"context"
	"strconv"

	"github.com/tidepole/tidepole/formats/wire"
)

// Status is the server's state: its queue, its images and its database.
func (a *Account) Status(ctx context.Context) (wire.Status, error) {
	s := a.server
	version, err := s.store.Version(ctx)
	if err != nil {
		return wire.Status{}, err
	}
	images, err := s.store.View().CountImages(ctx)
	if err != nil {
		return wire.Status{}, err
	}
	backlog, err := s.store.View().Backlog(ctx)
	if err != nil {
		return wire.Status{}, err
	}
	queued, running, stages := 0, 0, map[string]any{}
	for stage, b := range backlog {
		queued, running = queued+b.Free, running+b.Leased
		stages[stage] = map[string]any{"queued": b.Free, "running": b.Leased}
	}
	detail := map[string]any{"workers": s.options.Workers, "database": s.database(ctx)}
	if a.system() { // how busy other accounts are is nobody else's business
		detail["queue"] = map[string]any{"queued": queued, "running": running, "stages": stages}
		detail["images"] = images
	}
	return wire.Status{
		Available: true, Up: true, Busy: running >= s.options.Workers,
		Version: s.options.Version, DBVersion: strconv.FormatInt(version, 10), Message: "all good",
		Detail: detail,
	}, nil
}

// version is the answer of GET /version. The API's is what clients look for.
func (s *Server) version(ctx context.Context) (wire.Version, error) {
	var v wire.Version
	n, err := s.store.Version(ctx)
	v.Service.Version, v.API.Version, v.DB.SchemaVersion = s.options.Version, "2", strconv.FormatInt(n, 10)
	return v, err
}
