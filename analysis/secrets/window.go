package secrets

import "bytes"

// Limits of one search. A hostile file can make every rule hit everywhere:
// windows are joined rather than dropped, so that no rule reads more than a
// few times the file, and only the number of matches is cut off.
const (
	maxWindows = 512           // of one rule in one stretch; further ones are joined to the last
	maxGrowth  = 64 << 10      // bytes to which a window grows for a match that reaches its edge
	maxGrowing = 4 * maxGrowth // bytes by which all windows of a rule grow in one stretch; then the rest is one window
	maxTries   = 4096          // matches of one rule's expression in one file, before filters
	maxMatches = 250           // of one rule or pattern in one file
)

// span is a piece of a file: from start, before end.
type span struct{ start, end int }

func (s span) overlaps(o span) bool { return s.start < o.end && o.start < s.end }

// windows are the places where a rule is to be tried: ascending, apart.
type windows []span

// add adds s, joined with what it touches. Keywords arrive almost in order, as
// index.scan says, so that only the last windows can be touched.
func (w windows) add(s span) windows {
	for n := len(w); n > 0 && (w[n-1].end >= s.start || n >= maxWindows); n = len(w) {
		s = span{min(s.start, w[n-1].start), max(s.end, w[n-1].end)}
		w = w[:n-1]
	}
	return append(w, s)
}

// isAssigned says whether an assignment may follow what begins at rest: the
// remainder of a name, quotes, spaces, then a sign that assigns, or at least
// something random. It is the cheap necessary condition of assignment.
func isAssigned(rest []byte) bool {
	rest = skip(rest, 48, isName)
	rest = skip(rest, 4, func(c byte) bool { return c == '"' || c == '\'' || c == '`' || c == ']' || c == '\\' })
	tight := len(rest)
	rest = skip(rest, 8, func(c byte) bool { return c == ' ' || c == '\t' })
	if len(rest) == 0 {
		return false
	}
	switch rest[0] {
	case '=', ':', '>', ',':
		return true
	}
	return len(rest) < tight && (bytes.HasPrefix(rest, []byte("value")) || looksRandom(rest))
}

// looksRandom says whether text begins with 16 bytes, one a digit, such as
// tokens are made of.
func looksRandom(text []byte) bool {
	text = skip(text, 2, func(c byte) bool { return c == '"' || c == '\'' || c == '`' || c == '\\' })
	if len(text) < 16 {
		return false
	}
	digit := false
	for _, c := range text[:16] {
		if !isName(c) && c != '+' && c != '/' {
			return false
		}
		digit = digit || '0' <= c && c <= '9'
	}
	return digit
}

// skip is text without the bytes at its start that are in set, at most limit.
func skip(text []byte, limit int, set func(byte) bool) []byte {
	n := 0
	for n < len(text) && n < limit && set(text[n]) {
		n++
	}
	return text[n:]
}

func isName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
