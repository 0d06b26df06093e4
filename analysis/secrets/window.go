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

// assigned is what an assignment gives to the name that rest is the remainder
// of, and signed whether a sign rather than a space assigns it; found is false
// where there is no assignment. It is the cheap necessary condition of the
// expressions with a name in them: see assignment.
func assigned(rest []byte) (value []byte, signed, found bool) {
	rest = skip(rest, 40, isName)
	rest = skip(rest, 5, isQuote)
	tight := len(rest)
	rest = skip(rest, 24, isBlank)
	if len(rest) >= 5 && string(bytes.ToLower(rest[:5])) == "value" {
		rest = rest[5:]
		tight = len(rest)
		rest = skip(rest, 24, isBlank)
	}
	if len(rest) == 0 {
		return nil, false, false
	}
	switch rest[0] {
	case '=', ':', '>', ',':
		rest = skip(rest, 2, func(c byte) bool { return c == '=' || c == ':' || c == '>' || c == ',' })
		return rest, true, true
	}
	return rest, false, len(rest) < tight
}

// mayBe says whether at the start of value, after quotes, there is a word of
// length bytes or more.
func mayBe(value []byte, length int) bool {
	value = skip(value, 8, isBlank)
	if len(value) > 1 && value[0]|0x20 == 'b' && isQuote(value[1]) {
		value = value[1:]
	}
	value = skip(value, 2, isQuote)
	// Signs may have been taken for the assignment's that are the secret's.
	return len(value)-len(skip(value, length, isWord)) >= length-1
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

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' || c == ']' || c == '\\' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isWord(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '`' }
