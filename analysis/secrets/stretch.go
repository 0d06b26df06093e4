package secrets

// A text is searched stretch by stretch. Of every stretch there is in memory
// what lies before it, which keywords in it look back at, and what lies ahead
// of it, as far as a match of such a keyword may reach.
const (
	stretchSize = 192 << 10
	behind      = 8 << 10 // at least what any rule's window reaches back
	ahead       = maxGrowth
	bufferSize  = behind + stretchSize + ahead + padding
)

// stretch is a piece of a text, and what is around it.
type stretch struct {
	text     []byte // padding bytes of capacity beyond its length
	base     int    // where text begins in the whole
	from, to int    // in text: keywords that begin here are searched now
	whole    bool   // text ends where the whole does
	place    place  // of the first byte of text
}

func newStretch(buf []byte, start place) *stretch {
	return &stretch{text: buf[:0], place: start}
}

// fill reads what follows; more is false when that is the end.
func (s *stretch) fill(t *text) (more bool) {
	room := s.text[:cap(s.text)-padding]
	n, more := t.fill(room[len(s.text):])
	s.text = room[:len(s.text)+n]
	s.whole = !more
	if s.to = len(s.text); more {
		s.to -= ahead
	}
	return more
}

// move goes on to the next stretch, which fill fills.
func (s *stretch) move() {
	if s.whole {
		return
	}
	passed := s.to - behind
	s.place = s.place.after(s.text[:passed])
	s.base += passed
	s.text = s.text[:copy(s.text, s.text[passed:])]
	s.from = behind
}
