package secrets

import (
	"bytes"
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
	Noise        []string            `yaml:"noise"`        // names of path sets in which no rule looks
	PathSets     map[string][]string `yaml:"paths"`        // name -> expressions of absolute paths

	placeholder *regexp.Regexp
	noise       *regexp.Regexp
}

func (f *filters) compile() (err error) {
	if f.placeholder, err = union(f.Placeholders); err != nil {
		return fmt.Errorf("read placeholders: %w", err)
	}
	if f.noise, err = f.pathSet(f.Noise); err != nil {
		return fmt.Errorf("read noise paths: %w", err)
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

// pathSet is the union of named sets and expressions. A name is of lower case
// letters alone, which no expression of use is.
func (f *filters) pathSet(list []string) (*regexp.Regexp, error) {
	var exprs []string
	for _, item := range list {
		set, named := f.PathSets[item]
		if !named && strings.Trim(item, "abcdefghijklmnopqrstuvwxyz") == "" {
			return nil, fmt.Errorf("there is no path set %q", item)
		}
		if !named {
			set = []string{item}
		}
		exprs = append(exprs, set...)
	}
	return union(exprs)
}

// pathFilter is where a rule looks.
type pathFilter struct{ only, not *regexp.Regexp }

func (f *filters) pathFilter(only, not []string) (p pathFilter, err error) {
	if p.only, err = f.pathSet(only); err != nil {
		return p, err
	}
	p.not, err = f.pathSet(not)
	return p, err
}

func (p pathFilter) admits(path string) bool {
	return (p.only == nil || p.only.MatchString(path)) && (p.not == nil || !p.not.MatchString(path))
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
	return r.check == nil || r.check(secret)
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
