package secrets

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxNeeded is how many texts are looked for at most before an expression is tried:
// each is a pass over the file.
const maxNeeded = 8

// needed gives texts of which every match of an expression has at least one, the
// longest that are easily known; none where no text is needed. They are found some
// ten times as fast as an expression says that it matches nowhere.
func needed(re *syntax.Regexp) [][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		text := []byte(string(re.Rune))
		if re.Flags&syntax.FoldCase != 0 || bytes.ContainsRune(text, utf8.RuneError) {
			return nil
		}
		return [][]byte{text}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat:
		var best [][]byte
		for _, sub := range re.Sub {
			if texts := needed(sub); shortestOf(texts) > shortestOf(best) {
				best = texts
			}
		}
		return best
	case syntax.OpAlternate:
		var all [][]byte
		for _, sub := range re.Sub {
			texts := needed(sub)
			if len(texts) == 0 || len(all)+len(texts) > maxNeeded {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// shortestOf is the length of the shortest of some texts; 0 if there are none.
func shortestOf(texts [][]byte) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b []byte) int { return len(a) - len(b) }))
}

// hasAny tells whether a text has one of those that are needed, or none is.
func hasAny(text []byte, needed [][]byte) bool {
	return len(needed) == 0 || slices.ContainsFunc(needed, func(n []byte) bool { return bytes.Contains(text, n) })
}
