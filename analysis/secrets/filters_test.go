package secrets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// What a filter rules out, and the nearest true secret that it must not.
func TestFilters(t *testing.T) {
	m := matcher(t, secrets.Options{})
	jwt := expand("<jwt:200>", 1)
	tests := map[string]struct {
		path, content string
		found         bool
	}{
		"a key of documentation":          {"/app/main.js", "redis://default:key_1234@host.test/0", false},
		"a key that begins like it":       {"/app/main.js", "redis://default:key_1239x@host.test/0", true},
		"an example of a client":          {"/app/node_modules/sdk/apis/sso.examples.json", `{"token": "` + jwt + `"}`, false},
		"settings of the client":          {"/app/node_modules/sdk/apis/sso.json", `{"token": "` + jwt + `"}`, true},
		"a folder of tests":               {"/app/Tests/a.conf", jwt, false},
		"a folder called so, at the root": {"/tests/a.conf", jwt, true},
		"a name that begins otherwise":    {"/app/unreadme", jwt, true},
		"a read-me file":                  {"/app/README.gz.txt", jwt, false},
		"a picture":                       {"/app/Logo.PNG", token(1), false},
		"text that is called a program":   {"/usr/bin/tool", token(1), true},
		"a program":                       {"/usr/bin/tool", "\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00\x01\xff", 900) + token(1) + "\x00", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := m.Scan(test.path, int64(len(test.content)), strings.NewReader(test.content))
			if err != nil || len(got) > 0 != test.found {
				t.Errorf("found %v, error %v; want found %v", got, err, test.found)
			}
		})
	}
}

// A published key is known in whatever clothes it comes.
func TestPublishedAs(t *testing.T) {
	body := expand("<base64:128>", 1)
	key := "-----BEGIN RSA PRIV" + "ATE KEY-----\n%s\n%s\n-----END RSA PRIVATE KEY-----\n"
	key = fmt.Sprintf(key, body[:64], body[64:])
	want := secrets.PublishedAs([]byte(key))
	for name, other := range map[string]string{
		"of DOS":         strings.ReplaceAll(key, "\n", "\r\n"),
		"a string":       strings.ReplaceAll(key, "\n", `\n`),
		"indented":       strings.ReplaceAll(key, "\n", "\n  "),
		"one line":       strings.ReplaceAll(key, "\n", " "),
		"not at its end": key + "more",
	} {
		if got := secrets.PublishedAs([]byte(other)); got != want {
			t.Errorf("%s: fingerprint %s, want %s", name, got, want)
		}
	}
	if secrets.PublishedAs([]byte(strings.Replace(key, body[:1], "_", 1))) == want {
		t.Error("another key has the same fingerprint")
	}
}
