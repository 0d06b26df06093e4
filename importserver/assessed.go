package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// noteAssessed notes what is new in an assessment since the last one.
func (s *Server) noteAssessed(ctx context.Context, tx *store.Tx, i store.Image, verdicts []store.Evaluation, m report.Matches) error {
	return nil
}
