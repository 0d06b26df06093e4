package importserver

import (
	"cmp"
	"context"
	"strconv"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
)

// allGood is a status that nothing is to be said of.
const allGood = "all good"

// Status is the server's state: its database, and its queue and its images to those who
// see all accounts.
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
	backlog, err := s.store.View().Lines(ctx, queue.Bulk)
	if err != nil {
		return wire.Status{}, err
	}
	queued, running, stages := 0, 0, map[string]any{}
	for stage, lines := range backlog {
		free, leased := 0, 0
		for _, b := range lines {
			free, leased = free+b.Free, leased+b.Leased
		}
		queued, running = queued+free, running+leased
		stages[stage] = map[string]any{"queued": free, "running": leased}
	}
	detail, busy := map[string]any{"workers": s.options.Workers, "database": s.database(ctx)}, false
	if a.system() { // how busy other accounts are is nobody else's business
		busy = s.options.Workers > 0 && running >= s.options.Workers
		detail["queue"] = map[string]any{"queued": queued, "running": running, "stages": stages}
		detail["images"] = images
	}
	return wire.Status{
		Available: true, Up: true, Busy: busy,
		Version: s.options.Version, DBVersion: strconv.FormatInt(version, 10), Message: cmp.Or(s.waitsFor(), allGood),
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
