package secrets_test

import (
	"bytes"
	"math/rand"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// What the search finds is what every rule's expression finds on the whole
// content: in texts that the expressions themselves generate, and in the
// examples of the rules.
func TestFindsWhatExpressionsFind(t *testing.T) {
	m := matcher(t, secrets.Options{})
	for i, rule := range secrets.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			r := rand.New(rand.NewSource(int64(i)))
			tree, err := syntax.Parse(rule.Text(), syntax.Perl)
			if err != nil {
				t.Fatal(err)
			}
			for range 6 {
				g := generator{r, r.Intn(4) == 0}
				same(t, m, pathOf(rule), surround(r, g.text(tree)))
			}
			for _, e := range append(rule.Match, rule.Mismatch...) {
				same(t, m, pathOf(rule), surround(r, expand(e.Text(), int64(i))))
			}
		})
	}
}

// pathOf is one where the rule looks.
func pathOf(r secrets.Rule) string {
	if path := r.Match[0].Path; path != "" {
		return path
	}
	return secrets.DefaultExamplePath
}

// surround puts text somewhere between prose.
func surround(r *rand.Rand, text string) string {
	var all strings.Builder
	for range r.Intn(4) {
		words(r, &all)
	}
	all.WriteString(text)
	for range r.Intn(4) {
		words(r, &all)
	}
	return all.String()
}

func words(r *rand.Rand, into *strings.Builder) {
	for range 1 + r.Intn(80) {
		into.WriteString(prose[r.Intn(len(prose))] + " ")
	}
	into.WriteByte('\n')
}

func same(t *testing.T, m *secrets.Matcher, path, content string) {
	t.Helper()
	want := m.Plain(path, []byte(content))
	if diff := cmp.Diff(want, scan(t, m, path, content)); diff != "" {
		t.Errorf("not what the expressions find in %.2000q: %s", content, diff)
	}
}

// generator writes what an expression matches.
type generator struct {
	r    *rand.Rand
	long bool // repeats to the most, rather than a little more than the least
}

func (g generator) text(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		return g.literal(e)
	case syntax.OpCharClass:
		return string(g.char(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return string(rune(' ' + g.r.Intn(95)))
	case syntax.OpCapture:
		return g.text(e.Sub[0])
	case syntax.OpStar:
		return g.repeat(e.Sub[0], 0, -1)
	case syntax.OpPlus:
		return g.repeat(e.Sub[0], 1, -1)
	case syntax.OpQuest:
		return g.repeat(e.Sub[0], 0, 1)
	case syntax.OpRepeat:
		return g.repeat(e.Sub[0], e.Min, e.Max)
	case syntax.OpAlternate:
		return g.text(e.Sub[g.r.Intn(len(e.Sub))])
	}
	var all strings.Builder
	for _, sub := range e.Sub {
		all.WriteString(g.text(sub))
	}
	return all.String()
}

func (g generator) literal(e *syntax.Regexp) string {
	text := string(e.Rune)
	if e.Flags&syntax.FoldCase != 0 && g.r.Intn(2) == 0 {
		return strings.ToUpper(text)
	}
	return text
}

// char is one of a class, which lists the first and last of its ranges: of
// ASCII, if it has any.
func (g generator) char(ranges []rune) rune {
	for range 20 {
		i := 2 * g.r.Intn(len(ranges)/2)
		c := ranges[i] + rune(g.r.Intn(int(ranges[i+1]-ranges[i])+1))
		if c < utf8.RuneSelf && c >= ' ' {
			return c
		}
	}
	return ranges[0]
}

func (g generator) repeat(e *syntax.Regexp, least, most int) string {
	if most < 0 {
		most = least + 8
	}
	n := least + g.r.Intn(min(most-least, 4)+1)
	if g.long {
		n = most
	}
	var all strings.Builder
	for range n {
		all.WriteString(g.text(e))
	}
	return all.String()
}

// Wherever a stretch of the text ends, what lies across is found, once.
func TestStretchesDoNotMatter(t *testing.T) {
	m := matcher(t, secrets.Options{})
	r := rand.New(rand.NewSource(1))
	key := expand("-----BEGIN RSA PRIV"+"ATE KEY-----\n<pem:1600>\n-----END RSA PRIVATE KEY-----", 1)
	filler := bytes.Repeat([]byte("a quiet line of text\n"), 1<<15)
	for _, secret := range []string{token(1), key, expand("AccountKey=<base64:86>==", 3), expand("api_key = <ALNUM:32>", 4)} {
		alone := scan(t, m, "/app/settings.conf", " "+secret+"\n")
		for range 200 {
			edge := secrets.StretchSize*(1+r.Intn(2)) + (8<<10)*r.Intn(2)
			at := edge - len(secret) - 40 + r.Intn(len(secret)+80)
			at -= at % 21 // to the start of a line
			got := scan(t, m, "/app/settings.conf", string(filler[:at])+" "+secret+"\n"+string(filler[:100<<10]))
			want := slices.Clone(alone)
			want[0].LineNumber += int64(at / 21)
			want[0].SeekPosition += int64(at)
			if diff := cmp.Diff(want, got); len(alone) != 1 || diff != "" {
				t.Fatalf("after %d bytes: %s", at, diff)
			}
		}
	}
}
