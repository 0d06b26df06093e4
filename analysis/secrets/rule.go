package secrets

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"sync"

	re2 "github.com/wasilibs/go-re2"
	"github.com/wasilibs/go-re2/experimental"
)

// Rule says what one kind of secret looks like. Rules are rows of the files
// in rules/. One of Token, Value and Regex is set; each is RE2 over bytes.
type Rule struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Aliases     []string `yaml:"aliases"`  // other names that a policy may use for it
	Keywords    []string `yaml:"keywords"` // a text without one of them is not looked at further: of a Token, and with a capital, as it is written; otherwise in any case

	Token string `yaml:"token"` // a secret known by its own form, wherever it stands as a word
	Value string `yaml:"value"` // a secret known by the name it is given to, which has a keyword: `heroku_key = "…"`
	Regex string `yaml:"regex"` // anything else; the group "secret", if any, is what is reported

	Window    Window   `yaml:"window"`
	Assigned  bool     `yaml:"assigned"`  // a keyword counts only where an assignment follows it; implied by Value
	Needs     string   `yaml:"needs"`     // text without which the expression cannot match: saves trying it
	Priority  int      `yaml:"priority"`  // of two findings that overlap, the one with the lower priority is dropped
	Entropy   float64  `yaml:"entropy"`   // least Shannon entropy of the secret, in bits a byte; 0 is that of filters.yaml
	Check     string   `yaml:"check"`     // a name in checks; what no expression can say
	Literal   bool     `yaml:"literal"`   // the expression is exact enough: no filters of filters.yaml
	Stopwords []string `yaml:"stopwords"` // lower case; a secret that contains one is a placeholder
	Paths     []string `yaml:"paths"`     // named path sets or expressions: only there; empty is everywhere
	Skip      []string `yaml:"skip"`      // named path sets or expressions: not there

	Match    []Example `yaml:"match"`
	Mismatch []Example `yaml:"mismatch"`
}

// Window is how far around a keyword the expression is tried, in bytes.
type Window struct {
	Back    int `yaml:"back"`    // before the keyword; 0 is 64
	Forward int `yaml:"forward"` // after it; 0 is 256
}

// defaults of a rule's row.
const (
	defaultBack     = 64
	defaultForward  = 256
	defaultPriority = 10
)

// word surrounds a rule's Token; an escaped line end may stand before it.
const word = `(?:\b|\\[nrt])(?P<secret>%s)(?:\b|[^\w\-]|$)`

// assignment surrounds a rule's Value: the name that the keyword is part of,
// what assigns, quotes, the secret, and what may follow it.
const assignment = `(?i:(?:%s)[\w.\-]{0,40}(?:\\?["'\x60\]]){0,2}(?:["'][ \t]{1,4}value)?[ \t]{0,8}(?:=|:=|=>|:|>|,|[ \t])[ \t]{0,8}(?:\\?["'\x60]|b["'])?)(?P<secret>%s)(?:[^\w+/=.\-]|\\n|$)`

// rule is a Rule made ready to search.
type rule struct {
	Rule
	expression func() (*re2.Regexp, int) // and the index of the reported group; 0 is the whole match
	check      func([]byte) bool
	needs      []byte
	least      int // bytes of a Value
	paths      pathFilter
	user       bool     // given by the user: whole file, no filters
	anyOf      [][]byte // texts of which what the user's expression matches has one; none: no text is needed
	weight     int
}

// prepare makes r ready with the general filters f. Its expression is compiled
// when it is needed first.
func (r Rule) prepare(f *filters) (*rule, error) {
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	paths, err := f.pathFilter(r.Paths, r.Skip)
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	least, err := leastLength(r.Value)
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	r.Assigned = r.Assigned || r.Value != ""
	r.Window = Window{Back: orDefault(r.Window.Back, defaultBack), Forward: orDefault(r.Window.Forward, defaultForward)}
	return &rule{
		Rule: r, expression: sync.OnceValues(r.compile), needs: []byte(r.Needs), least: least,
		check: checks[r.Check], paths: paths, weight: orDefault(r.Priority, defaultPriority),
	}, nil
}

// compile panics where the expression cannot be read, which the tests rule out.
func (r Rule) compile() (*re2.Regexp, int) {
	re := experimental.MustCompileLatin1(r.text())
	return re, max(0, re.SubexpIndex("secret"))
}

// validate finds what no expression compiler would.
func (r Rule) validate() error {
	switch {
	case r.Name == "" || r.Description == "":
		return fmt.Errorf("has no name or no description")
	case len(r.Keywords) == 0:
		return fmt.Errorf("has no keywords")
	case r.Token+r.Value+r.Regex != r.Token && r.Token+r.Value+r.Regex != r.Value && r.Token+r.Value+r.Regex != r.Regex:
		return fmt.Errorf("has more than one of token, value and regex")
	case r.Token+r.Value+r.Regex == "":
		return fmt.Errorf("has none of token, value and regex")
	case r.Check != "" && checks[r.Check] == nil:
		return fmt.Errorf("has the unknown check %q", r.Check)
	case r.Window.Back > behind/2 || r.Window.Forward > ahead/2:
		return fmt.Errorf("has a window of more than %d bytes back or %d forward", behind/2, ahead/2)
	}
	for _, k := range r.Keywords {
		if len(k) < shortest || len(k) > longest {
			return fmt.Errorf("keyword %q is not of %d to %d bytes", k, shortest, longest)
		}
	}
	return nil
}

// cased says whether a keyword counts only as it is written.
func (r Rule) cased(keyword string) bool {
	return r.Token != "" || keyword != strings.ToLower(keyword)
}

// text is what is compiled.
func (r Rule) text() string {
	switch {
	case r.Token != "":
		return fmt.Sprintf(word, r.Token)
	case r.Value != "":
		return fmt.Sprintf(assignment, quoteAll(r.Keywords), r.Value)
	}
	return r.Regex
}

// leastLength is how many bytes what expr matches has at the least.
func leastLength(expr string) (int, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return leastOf(tree), nil
}

func leastOf(e *syntax.Regexp) (n int) {
	switch e.Op {
	case syntax.OpLiteral:
		return len(e.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpStar, syntax.OpQuest:
		return 0
	case syntax.OpRepeat:
		return e.Min * leastOf(e.Sub[0])
	case syntax.OpAlternate:
		n = leastOf(e.Sub[0])
		for _, sub := range e.Sub {
			n = min(n, leastOf(sub))
		}
		return n
	}
	for _, sub := range e.Sub {
		n += leastOf(sub)
	}
	return n
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = re2.QuoteMeta(w)
	}
	return strings.Join(quoted, "|")
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
