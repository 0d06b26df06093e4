package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// filters keep false positives out; the file filters.yaml.
type filters struct {
	Entropy      float64             `yaml:"entropy"`      // least entropy of a secret whose rule names none
	Stopwords    []string            `yaml:"stopwords"`    // lower case, anywhere in a secret
	Placeholders []string            `yaml:"placeholders"` // expressions of a whole secret
	Published    []string            `yaml:"published"`    // fingerprints of secrets that are everybody's
	Noise        []string            `yaml:"noise"`        // names of path sets in which no rule looks
	PathSets     map[string]*pathSet `yaml:"paths"`

	placeholder *regexp.Regexp
	published   map[string]bool
	noise       []*pathSet
	sets        []*pathSet     // those that rules name
	numbers     map[string]int // name or expression -> its place in sets
}

func (f *filters) compile() (err error) {
	f.numbers = map[string]int{}
	f.published = setOf(f.Published)
	if f.placeholder, err = union(f.Placeholders); err != nil {
		return fmt.Errorf("read placeholders: %w", err)
	}
	for _, name := range f.Noise {
		i, err := f.number(name)
		if err != nil {
			return fmt.Errorf("read noise paths: %w", err)
		}
		f.noise = append(f.noise, f.sets[i])
	}
	return nil
}

// union is one expression that matches what any of exprs does; nil for none.
func union(exprs []string) (*regexp.Regexp, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	return regexp.Compile("(?:" + strings.Join(exprs, ")|(?:") + ")")
}

// number is that of a named set, or of a set of the paths that an expression
// matches. A name is of lower case letters alone, which no expression of use is.
func (f *filters) number(item string) (int, error) {
	if i, known := f.numbers[item]; known {
		return i, nil
	}
	set, named := f.PathSets[item]
	if !named && strings.Trim(item, "abcdefghijklmnopqrstuvwxyz") == "" {
		return 0, fmt.Errorf("there is no path set %q", item)
	}
	if !named {
		set = &pathSet{Match: []string{item}}
	}
	f.numbers[item] = len(f.sets)
	f.sets = append(f.sets, set)
	return f.numbers[item], set.compile()
}

func (f *filters) pathFilter(only, not []string) (p pathFilter, err error) {
	if p.only, err = f.numbersOf(only); err != nil {
		return p, err
	}
	p.not, err = f.numbersOf(not)
	return p, err
}

func (f *filters) numbersOf(list []string) (out []int, err error) {
	for _, item := range list {
		i, err := f.number(item)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

func (f *filters) isNoise(name *pathName) bool {
	for _, s := range f.noise {
		if s.has(name) {
			return true
		}
	}
	return false
}

// accepts says whether what r's expression found is a secret rather than an
// example, a placeholder or a plain word.
func (f *filters) accepts(r *rule, secret []byte) bool {
	if r.user {
		return true
	}
	lower := bytes.ToLower(secret)
	if containsAny(lower, r.Stopwords) || !r.Literal && f.isPlaceholder(r, lower) {
		return false
	}
	return (r.check == nil || r.check(secret)) && !f.published[publishedAs(secret)]
}

// publishedAs is the fingerprint by which filters.yaml knows a secret: how it is
// broken into lines and quoted makes no difference to it.
func publishedAs(secret []byte) string {
	var plain []byte
	for i := 0; i < len(secret) && len(plain) < 128; i++ {
		switch c := secret[i]; {
		case c == '\\' && i+1 < len(secret) && bytes.IndexByte([]byte("nrt"), secret[i+1]) >= 0:
			i++
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', c == '+', c == '/':
			plain = append(plain, c)
		}
	}
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:])
}

func (f *filters) isPlaceholder(r *rule, lower []byte) bool {
	least := r.Entropy
	if least == 0 {
		least = f.Entropy
	}
	return entropy(lower) < least || containsAny(lower, f.Stopwords) || f.placeholder.Match(lower)
}

func containsAny(text []byte, words []string) bool {
	for _, w := range words {
		if bytes.Contains(text, []byte(w)) {
			return true
		}
	}
	return false
}

// entropy is Shannon's, in bits a byte.
func entropy(text []byte) float64 {
	var count [256]int
	for _, c := range text {
		count[c]++
	}
	sum := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(text))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}
