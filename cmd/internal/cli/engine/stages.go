package engine

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tidepole/tidepole/analysis/image"
)

// stages measures how long the stages of an analysis take, for the log.
type stages struct {
	now func() time.Time

	mu   sync.Mutex
	rows []span
}

type span struct {
	name        string
	begin, last time.Time
}

// see takes an event of a stage. The stages may overlap.
func (s *stages) see(p image.Progress) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if s.rows[i].name == p.Stage {
			s.rows[i].last = now
			return
		}
	}
	if n := len(s.rows); n > 0 {
		s.rows[n-1].last = now // it says no more once the next begins
	}
	s.rows = append(s.rows, span{p.Stage, now, now})
}

// log writes a line for each stage, as it is when the analysis has ended.
func (s *stages) log(log *slog.Logger) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, row := range s.rows {
		if i == len(s.rows)-1 {
			row.last = now
		}
		log.Info("stage", "name", row.name, "took", row.last.Sub(row.begin).Round(time.Millisecond))
	}
}
