package secrets_test

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// Every example of every rule goes through the whole matcher, alone and in
// the middle of other text.
func TestExamples(t *testing.T) {
	m := matcher(t, secrets.Options{})
	for _, rule := range secrets.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			if len(rule.Match) == 0 || len(rule.Mismatch) == 0 {
				t.Error("has no example that matches, or none that does not")
			}
			for i, e := range rule.Match {
				check(t, m, rule.Name, e, int64(i), true)
			}
			for i, e := range rule.Mismatch {
				check(t, m, rule.Name, e, int64(i), false)
			}
		})
	}
}

func check(t *testing.T, m *secrets.Matcher, rule string, e secrets.Example, seed int64, want bool) {
	t.Helper()
	path := e.Path
	if path == "" {
		path = secrets.DefaultExamplePath
	}
	text := expand(e.Text(), seed)
	for _, around := range []string{"", strings.Repeat("a quiet line of text\n", 200)} {
		content := around + text + "\n" + around
		if around == "" {
			content = text
		}
		matches := scan(t, m, path, content)
		found := false
		for _, match := range matches {
			found = found || match.Classification == rule
		}
		if found != want {
			t.Errorf("found %v, want %v, in %.200q (surrounded: %v)", found, want, e.Text(), around != "")
		}
	}
}

func TestRulesAreComplete(t *testing.T) {
	rules := secrets.Rules()
	if len(rules) < 90 {
		t.Errorf("%d rules, want 90 or more", len(rules))
	}
	aliases := map[string][]string{}
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.Name] {
			t.Errorf("two rules are called %s", r.Name)
		}
		seen[r.Name] = true
		aliases[r.Name] = r.Aliases
	}
	for name, alias := range map[string]string{
		"aws-access-key":     "AWS_ACCESS_KEY",
		"aws-secret-key":     "AWS_SECRET_KEY",
		"pem-private-key":    "PRIV_KEY",
		"docker-config-auth": "DOCKER_AUTH",
		"generic-api-key":    "API_KEY",
	} {
		if !strings.Contains(strings.Join(aliases[name], " "), alias) {
			t.Errorf("rule %s has the aliases %q, want %s among them", name, aliases[name], alias)
		}
	}
}

var blank = regexp.MustCompile(`<([A-Za-z0-9]+)(?::([0-9]+))?>`)

const (
	lowercase = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
)

var alphabets = map[string]string{
	"alnum":  lowercase + strings.ToUpper(lowercase) + digits,
	"ALNUM":  strings.ToUpper(lowercase) + digits,
	"alpha":  lowercase + strings.ToUpper(lowercase),
	"base64": lowercase + strings.ToUpper(lowercase) + digits + "+/",
	"B32":    strings.ToUpper(lowercase) + "234567",
	"BECH":   "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
	"digits": digits,
	"hex":    digits + "abcdef",
	"HEX":    digits + "ABCDEF",
	"lower":  lowercase + digits,
	"x":      "x",
	"X":      "X",
	"zero":   "0",
}

// expand fills the blanks of an example with text that looks as random as the
// secrets that it stands for, the same at every run.
func expand(example string, seed int64) string {
	r := rand.New(rand.NewSource(seed + 7))
	return blank.ReplaceAllStringFunc(example, func(b string) string {
		parts := blank.FindStringSubmatch(b)
		n, _ := strconv.Atoi(parts[2])
		switch kind := parts[1]; kind {
		case "nl":
			return "\n"
		case "nul":
			return "\x00"
		case "uuid":
			return uuid(r)
		case "pem":
			return lines(random(r, "base64", n))
		case "basic":
			return base64.StdEncoding.EncodeToString([]byte("robot:" + random(r, "alnum", n)))
		case "jwt":
			return jwt(r, n)
		default:
			if alphabets[kind] == "" || n == 0 {
				return b
			}
			return random(r, kind, n)
		}
	})
}

func random(r *rand.Rand, kind string, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabets[kind][r.Intn(len(alphabets[kind]))]
	}
	return string(out)
}

func uuid(r *rand.Rand) string {
	h := random(r, "hex", 32)
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func lines(text string) string {
	var out []string
	for ; len(text) > 64; text = text[64:] {
		out = append(out, text[:64])
	}
	return strings.Join(append(out, text), "\n")
}

func jwt(r *rand.Rand, n int) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." +
		part([]byte(`{"sub":"`+random(r, "alnum", n)+`"}`)) + "." + part([]byte(random(r, "alnum", 256)))
}
