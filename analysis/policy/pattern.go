package policy

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Limits of a regular expression that a policy brings. Matching is linear in
// the text; these bound the other factor.
const (
	maxPattern = 4096  // bytes
	maxProgram = 20000 // instructions once compiled
)

// pattern is an expression and what it was written as. One that was not given
// matches everything.
type pattern struct {
	text string
	re   *regexp.Regexp
}

func (p pattern) match(s string) bool { return p.re == nil || p.re.MatchString(s) }

func readPattern(s string) (pattern, error) {
	re, err := compilePattern(s)
	return pattern{s, re}, err
}

// compilePattern compiles an expression that must match from the start of the
// text and need not reach its end. The error ends a sentence that begins with
// the expression.
func compilePattern(expr string) (*regexp.Regexp, error) {
	if len(expr) > maxPattern {
		return nil, fmt.Errorf("is longer than %d bytes", maxPattern)
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("is not a regular expression that RE2 knows: %v", err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("is not a regular expression that RE2 knows: %v", err)
	}
	if len(program.Inst) > maxProgram {
		return nil, fmt.Errorf("is too complex a regular expression")
	}
	re, err := regexp.Compile(`\A(?:` + expr + `)`)
	if err != nil {
		return nil, fmt.Errorf("is not a regular expression that RE2 knows: %v", err)
	}
	return re, nil
}

// wildcard matches names: "*" stands for any text, slashes included, and
// "regexp:" before an expression makes it one that matches from the start.
type wildcard struct {
	parts []string // what stands between the asterisks
	re    *regexp.Regexp
}

func compileWildcard(pattern string) (wildcard, error) {
	if expr, ok := strings.CutPrefix(strings.TrimSpace(pattern), "regexp:"); ok {
		re, err := compilePattern(expr)
		if err != nil {
			return wildcard{}, fmt.Errorf("%s %w", quote(expr), err)
		}
		return wildcard{re: re}, nil
	}
	if len(pattern) > maxPattern {
		return wildcard{}, fmt.Errorf("%s is longer than %d bytes", quote(pattern), maxPattern)
	}
	return wildcard{parts: strings.Split(pattern, "*")}, nil
}

// exact tells whether only one text matches.
func (w wildcard) exact() bool { return w.re == nil && len(w.parts) == 1 }

func (w wildcard) match(s string) bool {
	if w.re != nil {
		return w.re.MatchString(s)
	}
	if w.exact() {
		return s == w.parts[0]
	}
	last := len(w.parts) - 1
	s, ok := strings.CutPrefix(s, w.parts[0])
	if !ok || len(s) < len(w.parts[last]) || !strings.HasSuffix(s, w.parts[last]) {
		return false
	}
	s = s[:len(s)-len(w.parts[last])]
	for _, part := range w.parts[1:last] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}
