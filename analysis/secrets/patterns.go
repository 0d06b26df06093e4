package secrets

import (
	"errors"
	"maps"
	"regexp/syntax"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	re2 "github.com/wasilibs/go-re2"

	"github.com/tidepole/tidepole/formats/fault"
)

// Limits of the user's patterns.
const (
	maxPatterns     = 200
	maxNameLength   = 128
	maxRegexLength  = 4096
	maxInstructions = 20000 // of a compiled expression; more would leave the linear engine's memory
)

// compilePatterns makes rules of the user's expressions, in the order of
// their names. "^" and "$" are the edges of a line, as for grep.
func compilePatterns(patterns map[string]string) ([]*rule, error) {
	if len(patterns) > maxPatterns {
		return nil, fault.New(fault.Invalid, "%d patterns given, at most %d are possible", len(patterns), maxPatterns)
	}
	var out []*rule
	for _, name := range slices.Sorted(maps.Keys(patterns)) {
		re, texts, err := compilePattern(name, patterns[name])
		if err != nil {
			return nil, fault.New(fault.Invalid, "read pattern %s: %w", strconv.Quote(name), err).
				WithHint("the syntax is RE2's: https://github.com/google/re2/wiki/Syntax")
		}
		out = append(out, &rule{
			Rule: Rule{Name: name, Regex: patterns[name]}, user: true, weight: 1 << 20, anyOf: texts,
			expression: func() (*re2.Regexp, int) { return re, 0 },
		})
	}
	return out, nil
}

// compilePattern gives a pattern's expression, and the texts that it needs.
func compilePattern(name, expr string) (*re2.Regexp, [][]byte, error) {
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	if expr == "" || len(expr) > maxRegexLength {
		return nil, nil, errors.New("the expression is empty or longer than " + strconv.Itoa(maxRegexLength) + " bytes")
	}
	// The standard library's parser goes first: it names the reason, where
	// RE2 would also write to standard error.
	parsed, err := syntax.Parse(expr, syntax.Perl&^syntax.OneLine)
	if err != nil {
		return nil, nil, err
	}
	texts := needed(parsed)
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, nil, err
	}
	if len(prog.Inst) > maxInstructions {
		return nil, nil, errors.New("the expression is too large: its repetitions multiply")
	}
	re, err := re2.Compile("(?m)" + expr)
	return re, texts, err
}

func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || !utf8.ValidString(name) {
		return errors.New("the name is empty, longer than " + strconv.Itoa(maxNameLength) + " bytes or not UTF-8")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return errors.New("the name has a character that cannot be printed")
		}
	}
	return nil
}
