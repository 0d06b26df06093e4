package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

func matcher(t testing.TB, o secrets.Options) *secrets.Matcher {
	t.Helper()
	m, err := secrets.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scan wants the whole content to be searched.
func scan(t testing.TB, m *secrets.Matcher, path, content string) []bundle.Match {
	t.Helper()
	matches, skipped, err := m.Scan(path, int64(len(content)), strings.NewReader(content))
	if err != nil || skipped != "" {
		t.Fatalf("scan %s: skipped %q, error %v", path, skipped, err)
	}
	return matches
}

// token is a secret of rule github-pat, 40 bytes.
func token(seed int64) string { return expand("ghp_<alnum:36>", seed) }

func TestPlaces(t *testing.T) {
	m := matcher(t, secrets.Options{})
	at := func(line, offset, seek int64) bundle.Match {
		return bundle.Match{Classification: "github-pat", LineNumber: line, LineOffset: offset, SeekPosition: seek, Length: 40}
	}
	tests := map[string]struct {
		content string
		want    []bundle.Match
	}{
		"nothing":                      {"", nil},
		"at the start":                 {token(1), []bundle.Match{at(1, 0, 0)}},
		"in the third line":            {"a\nbc\nt=" + token(1) + "\n", []bundle.Match{at(3, 2, 7)}},
		"at the start of a line":       {"a\r\n" + token(1), []bundle.Match{at(2, 0, 3)}},
		"two in one line":              {token(1) + " " + token(2), []bundle.Match{at(1, 0, 0), at(1, 41, 41)}},
		"the same in two lines":        {token(1) + "\n" + token(1), []bundle.Match{at(1, 0, 0), at(2, 0, 41)}},
		"after bytes that are no text": {"\xff\xfa\x00\n\x80" + token(1), []bundle.Match{at(2, 1, 5)}},
		"part of a longer word":        {"x" + token(1), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, scan(t, m, "/f", test.content)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Wherever the secret stands, it is found whole, once, and nothing else.
func TestPlaceDoesNotMatter(t *testing.T) {
	m := matcher(t, secrets.Options{})
	secret := expand("AccountKey=<base64:86>==", 3)
	for _, before := range []int{0, 1, 63, 64, 65, 255, 4095, 4096, 32768, 100000} {
		content := strings.Repeat("-", before) + " " + secret + "\n" + strings.Repeat("=", before)
		want := []bundle.Match{{
			Classification: "azure-storage-key", LineNumber: 1,
			LineOffset: int64(before + 12), SeekPosition: int64(before + 12), Length: 88,
		}}
		if diff := cmp.Diff(want, scan(t, m, "/f", content)); diff != "" {
			t.Errorf("after %d bytes: %s", before, diff)
		}
	}
}

// A key of many kilobytes is one finding, from its first to its last dash.
func TestLongKey(t *testing.T) {
	m := matcher(t, secrets.Options{})
	for _, size := range []int{100, 1600, 7000, 12000, 30000} {
		key := expand(fmt.Sprintf("-----BEGIN RSA PRIV"+"ATE KEY-----\n<pem:%d>\n-----END RSA PRIVATE KEY-----", size), 1)
		want := []bundle.Match{{Classification: "pem-private-key", LineNumber: 2, SeekPosition: 2, Length: int64(len(key))}}
		got := scan(t, m, "/root/.ssh/id_rsa", "#\n"+key+"\n"+strings.Repeat("text\n", 20000))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("key of %d bytes: %s", len(key), diff)
		}
	}
}

func TestGeneralRuleYields(t *testing.T) {
	m := matcher(t, secrets.Options{})
	var got []string
	for _, match := range scan(t, m, "/app/conf", "api_key = "+token(1)+"\nauth_token: "+expand("<hex:40>", 1)+"\n") {
		got = append(got, fmt.Sprint(match.LineNumber, " ", match.Classification))
	}
	if diff := cmp.Diff([]string{"1 github-pat", "2 generic-api-key"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotSearched(t *testing.T) {
	m := matcher(t, secrets.Options{MaxFileSize: 100})
	large := token(1) + strings.Repeat(" ", 100)
	tests := map[string]struct {
		path    string
		size    int64
		content string
		skipped string
	}{
		"large":                       {"/f", int64(len(large)), large, "larger than 100 bytes"},
		"large, and says it is small": {"/f", 10, large, "larger than 100 bytes"},
		"a picture":                   {"/srv/logo.png", 40, token(1), "known noise"},
		"a kernel's file":             {"proc/1/environ", 40, token(1), "known noise"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, skipped, err := m.Scan(test.path, test.size, strings.NewReader(test.content))
			if len(got) > 0 || skipped != test.skipped || err != nil {
				t.Errorf("%v, skipped %q, error %v; want skipped %q", got, skipped, err, test.skipped)
			}
			if !m.Excluded(skipped) {
				t.Error("it counts as not searched in full")
			}
		})
	}
}

func TestTooManyMatches(t *testing.T) {
	m := matcher(t, secrets.Options{Extra: map[string]string{"line": "(?i)^GHP"}})
	content := strings.Repeat(token(1)+"\n", 300)
	got, skipped, err := m.Scan("/f", 0, strings.NewReader(content))
	want := "too many matches of github-pat, line: the rest of them is left out"
	if len(got) != 500 || skipped != want || err != nil {
		t.Errorf("%d matches, skipped %q, error %v; want 500, %q", len(got), skipped, err, want)
	}
}

func TestReadError(t *testing.T) {
	m := matcher(t, secrets.Options{})
	broken := errors.New("broken")
	_, _, err := m.Scan("/a\x1b[2J", 10, iotest.ErrReader(broken))
	if !errors.Is(err, broken) || err.Error() != `search "/a\x1b[2J": broken` {
		t.Errorf("error %v", err)
	}
}

func TestConcurrentScans(t *testing.T) {
	m := matcher(t, secrets.Options{Extra: map[string]string{"quiet": "quiet"}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			content := strings.Repeat("quiet\n", i) + token(int64(i))
			for range 50 {
				got, _, err := m.Scan("/f", 0, strings.NewReader(content))
				if err != nil || len(got) != i+1 || got[i].LineNumber != int64(i+1) {
					t.Errorf("%v, error %v; want %d matches", got, err, i+1)
				}
			}
		})
	}
	wg.Wait()
}
