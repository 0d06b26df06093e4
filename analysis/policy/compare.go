package policy

import (
	"cmp"
	"strings"
)

// holds tells whether "a op b" is true, given how a compares to b.
func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	case ">=":
		return order >= 0
	}
	return false
}

// comparisons are the operators that holds knows.
var comparisons = []string{"=", "!=", "<", ">", "<=", ">="}

func compareNumbers[T int | int64 | float64](a, b T) int { return cmp.Compare(a, b) }

// compareParts orders texts by their runs of digits, as numbers, and by what
// stands between them, as text.
func compareParts(a, b string) int {
	for a != "" && b != "" {
		x, y := run(a), run(b)
		a, b = a[len(x):], b[len(y):]
		if order := compareRuns(x, y); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}

// run is the digits, or what is no digit, that the text starts with.
func run(s string) string {
	n := 1
	for n < len(s) && isDigit(s[n]) == isDigit(s[0]) {
		n++
	}
	return s[:n]
}

func compareRuns(a, b string) int {
	if isDigit(a[0]) && isDigit(b[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if order := cmp.Compare(len(a), len(b)); order != 0 {
			return order
		}
	}
	return strings.Compare(a, b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
