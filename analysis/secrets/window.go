package secrets

// Limits of one search. A hostile file can make every rule hit everywhere:
// windows are joined rather than dropped, so that no rule reads more than a
// few times the file, and only the number of matches is cut off.
const (
	maxWindows = 512      // of one rule in one file; further ones are joined to the last
	maxGrowth  = 64 << 10 // bytes to which a window grows for a match that reaches its edge
	maxTries   = 4096     // matches of one rule's expression in one file, before filters
	maxMatches = 250      // of one rule or pattern in one file
)

// span is a piece of a file: from start, before end.
type span struct{ start, end int }

func (s span) overlaps(o span) bool { return s.start < o.end && o.start < s.end }

// windows are the places where a rule is to be tried: ascending, apart.
type windows []span

// add adds s, joined with what it touches. Keywords arrive in the order of
// their ends, so that only the last windows can be touched.
func (w windows) add(s span) windows {
	for n := len(w); n > 0 && (w[n-1].end >= s.start || n >= maxWindows); n = len(w) {
		s = span{min(s.start, w[n-1].start), max(s.end, w[n-1].end)}
		w = w[:n-1]
	}
	return append(w, s)
}

// isAssigned says whether an assignment may follow what begins at rest: the
// remainder of a name, quotes or spaces, then a sign that assigns. It is the
// cheap necessary condition of the expression assignment.
func isAssigned(rest []byte) bool {
	i := 0
	for i < len(rest) && i < 48 && isName(rest[i]) {
		i++
	}
	for n := 0; i < len(rest) && n < 32; i, n = i+1, n+1 {
		switch c := rest[i]; {
		case c == '=' || c == ':' || c == '>' || c == ',':
			return true
		case c == ' ' || c == '\t':
			if i+1 < len(rest) && (isName(rest[i+1]) || rest[i+1] == '"' || rest[i+1] == '\'') {
				return true
			}
		case c != '"' && c != '\'' && c != '`' && c != ']' && c != '\\' && c != '<' && c != '/' && !isName(c):
			return false
		}
	}
	return false
}

func isName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
