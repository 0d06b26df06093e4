package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// What concerns the server, and no account alone, is noted for the admin account.

// noteService notes what became of the server, or of its workers.
func (s *Server) noteService(ctx context.Context, kind, message string, details map[string]any) {
	e := event{
		Type: kind, Message: message, ResourceType: resourceService, ResourceID: s.options.Host, Service: "queue", Details: details,
	}
	if kind == wire.EventServiceOrphaned {
		e.Level = wire.LevelError
	}
	s.Account(Admin).noteAlone(ctx, e)
}

// noteFeeds notes that the vulnerability database is being replaced; done notes
// how that ended.
func (s *Server) noteFeeds(ctx context.Context, how string) (done func(report.Database, error)) {
	a := s.Account(Admin)
	e := event{
		Type: wire.EventFeedsStarted, Message: "the vulnerability database is being brought up to date",
		ResourceType: resourceFeeds, ResourceID: "vulnerability_db", Details: map[string]any{"by": how},
	}
	a.noteAlone(ctx, e)
	return func(d report.Database, err error) {
		e.Type, e.Message = wire.EventFeedsCompleted, "the vulnerability database is up to date"
		e.Details = map[string]any{"by": how, "digest": d.Digest, "built": d.Built}
		if err != nil {
			e.Type, e.Level, e.Message = wire.EventFeedsFailed, wire.LevelError, "the vulnerability database stays as it was: "+told(err)
			e.Details = map[string]any{"by": how}
		}
		a.noteAlone(ctx, e)
	}
}
