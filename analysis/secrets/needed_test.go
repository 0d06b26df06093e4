package secrets_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	re2 "github.com/wasilibs/go-re2"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// TestNeeded: of some expressions it is known what every match has.
func TestNeeded(t *testing.T) {
	for expr, want := range map[string]string{
		`[a-z]+\.internal\b`:                ".internal",
		`Copyright \(c\) 20[0-9]{2}`:        "Copyright (c) 20",
		`^x-(?:key|secret): .{8}$`:          "key|secret",
		`^long-(?:key|secret): .{8}$`:       "long-",
		`(?:alpha|beta)+`:                   "alpha|beta",
		`(token){2}`:                        "token",
		`(token){0,2}`:                      "",
		`(?i)token`:                         "",
		`a|b|c`:                             "",
		`foo|[0-9]+`:                        "",
		`.*`:                                "",
		`(?:aa|bb|cc|dd|ee|ff|gg|hh|ii|jj)`: "",
		`\x{fffd}x`:                         "",
		`päss[0-9]`:                         "päss",
	} {
		if got := string(bytes.Join(secrets.Needed(expr), []byte("|"))); got != want {
			t.Errorf("%s needs %q, want %q", expr, got, want)
		}
	}
}

// TestNeededIsInEveryMatch: on texts and expressions made up at random.
func TestNeededIsInEveryMatch(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var expression func(depth int) string
	expression = func(depth int) string {
		atoms := []string{"a", "b", "ab", "ba", "abc", ".", "[ab]", "[^a]", `\b`, "^", "$", "ä", `\.`, "(?i:ab)"}
		if depth == 0 {
			return atoms[r.IntN(len(atoms))]
		}
		one, other := expression(depth-1), expression(depth-1)
		switch r.IntN(8) {
		case 0, 1, 2:
			return one + other
		case 3:
			return "(?:" + one + "|" + other + ")"
		case 4:
			return "(" + one + ")" + []string{"*", "?", "+", "{0,2}", "{1,2}", "{2}", "*?", "+?"}[r.IntN(8)]
		}
		return atoms[r.IntN(len(atoms))] + one
	}
	needing, matching := 0, 0
	for range 3000 {
		expr := expression(1 + r.IntN(4))
		texts := secrets.Needed(expr)
		if len(texts) == 0 {
			continue
		}
		needing++
		re := re2.MustCompile("(?m)" + expr)
		for range 5 {
			var text strings.Builder
			for range r.IntN(12) {
				text.WriteString([]string{"a", "b", "c", "A", "ä", ".", "\n", "\xff", "abc"}[r.IntN(9)])
			}
			if at := re.FindStringIndex(text.String()); at != nil {
				matching++
				part := []byte(text.String()[at[0]:at[1]])
				if !secrets.HasAny(part, texts) {
					t.Errorf("%q matches %q, which has none of %q (seed %d)", expr, part, texts, seed)
				}
			}
		}
	}
	if needing < 500 || matching < 500 {
		t.Errorf("%d expressions needed a text, and %d texts matched: too few", needing, matching)
	}
}
