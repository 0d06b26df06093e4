package policy

import "time"

// scene is what the rules of one evaluation look at.
type scene struct {
	Input
	docker *dockerfile // parsed when first asked for
}

func newScene(in Input) *scene {
	if in.Evidence == nil {
		in.Evidence = noEvidence()
	}
	return &scene{Input: in}
}

// daysSince is how long ago t was.
func (s *scene) daysSince(t time.Time) float64 { return s.Now.Sub(t).Hours() / 24 }

// absent tells a rule's outcome when a part of the evidence is not there, or
// not whole.
func (s *scene) absent(p Part, out *outcome) bool {
	why, absent := s.Evidence.Absent(p)
	if absent {
		out.miss(why)
	}
	return absent
}
