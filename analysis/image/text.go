package image

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds what an error repeats of text that strangers wrote, in bytes.
const maxShown = 300

// printable is strangers' text as it may stand in an error: one line, without
// what a terminal would act on.
func printable(s string) string {
	if len(s) > maxShown {
		cut := maxShown
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
