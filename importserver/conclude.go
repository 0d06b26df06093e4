package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// conclusion is what an assessment found of an image.
type conclusion struct {
	image    store.Image
	matches  report.Matches
	verdicts []store.Evaluation
}

// conclude keeps a conclusion, as far as it is worth that.
func (s *Server) conclude(ctx context.Context, tx *store.Tx, l *queue.Lease, c conclusion) error {
	worth, err := s.worthOf(ctx, tx, c.image.ID, c.matches.Database)
	if err != nil {
		return err
	}
	if worth != asItShould {
		if err := s.repeat(ctx, tx, l); err != nil || worth == superseded {
			return err
		}
	}
	r := store.Report{Evidence: c.image.Evidence, Matches: c.matches, CreatedAt: s.now()}
	if err := tx.SetReport(ctx, c.image.ID, r); err != nil {
		return err
	}
	for _, v := range c.verdicts {
		if err := tx.PutEvaluation(ctx, v); err != nil {
			return err
		}
	}
	return s.noteAssessed(ctx, tx, c.image, c.verdicts, c.matches)
}
