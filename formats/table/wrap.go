package table

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Wrap breaks text between words into lines of at most that width, 0 for any;
// all but the first are indented. A word that is wider stays whole, and where it is.
func Wrap(text string, width int, indent string) []string {
	if width <= 0 {
		return []string{text}
	}
	lines := wrap(text, width, 0)
	if len(lines) == 1 {
		return lines
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(text, lines[0]), " ")
	out := lines[:1:1]
	for _, line := range wrap(rest, max(1, width-runewidth.StringWidth(indent)), 0) {
		out = append(out, indent+line)
	}
	return out
}

// wrap breaks text between words. A word wider than longest, if that is above 0,
// is broken too.
func wrap(text string, width, longest int) []string {
	if runewidth.StringWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line = word
		case runewidth.StringWidth(line)+1+runewidth.StringWidth(word) <= width:
			line += " " + word
		case longest == 0 && runewidth.StringWidth(word) > width: // no line would hold it
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
		for longest > 0 && runewidth.StringWidth(line) > longest {
			head := runewidth.Truncate(line, longest, "")
			if head == "" { // not even one rune fits
				break
			}
			lines, line = append(lines, head), line[len(head):]
		}
	}
	return append(lines, line)
}
