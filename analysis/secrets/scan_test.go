package secrets_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

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

func TestUTF16(t *testing.T) {
	m := matcher(t, secrets.Options{})
	text := strings.Repeat("größer 𝄞\n", 500) + "ключ = " + token(1) + "\r\n"
	units := utf16.Encode([]rune(text))
	before := len(utf16.Encode([]rune(text[:strings.Index(text, "ghp_")])))
	want := []bundle.Match{{
		Classification: "github-pat", LineNumber: 501, LineOffset: 2 * 7,
		SeekPosition: int64(2 + 2*before), Length: 2 * 40,
	}}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		content := order.AppendUint16(nil, 0xfeff)
		for _, u := range units {
			content = order.AppendUint16(content, u)
		}
		if diff := cmp.Diff(want, scan(t, m, "/f", string(content))); diff != "" {
			t.Errorf("%s endian: %s", name, diff)
		}
	}
}

func TestGzip(t *testing.T) {
	m := matcher(t, secrets.Options{MaxFileSize: 10000})
	want := []bundle.Match{{Classification: "github-pat", LineNumber: 2, SeekPosition: 2, Length: 40}}
	whole := zip("#\n" + token(1) + "\n" + random(rand.New(rand.NewSource(1)), "lower", 4000))
	tests := map[string]struct {
		content string
		want    []bundle.Match
		skipped string
	}{
		"whole":              {whole, want, ""},
		"cut off":            {whole[:2000], want, "gzip is damaged: what comes after the damage is left out"},
		"inflates to much":   {zip("#\n" + token(1) + strings.Repeat("\n", 1<<20)), want, "inflates to more than 10000 bytes: the rest is left out"},
		"only looks like it": {"\x1f\x8b\x08\n" + token(1), []bundle.Match{{Classification: "github-pat", LineNumber: 2, SeekPosition: 4, Length: 40}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, skipped, err := m.Scan("/f.gz", int64(len(test.content)), strings.NewReader(test.content))
			if err != nil || skipped != test.skipped {
				t.Errorf("skipped %q, want %q; error %v", skipped, test.skipped, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
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

// A file of all keywords, each followed by what most expressions begin to
// match, is done in the time of an ordinary one, more or less.
func TestHostileFile(t *testing.T) {
	m := matcher(t, secrets.Options{})
	for name, filler := range map[string]string{"tokens": strings.Repeat("A1b2", 10), "lines": "\n", "quotes": `": "`} {
		content := hostile(filler)
		start := time.Now()
		if _, _, err := m.Scan("/app/f.conf", 0, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(content), took)
		}
	}
}

func hostile(filler string) string {
	var all strings.Builder
	for all.Len() < 1<<20 {
		for _, r := range secrets.Rules() {
			for _, k := range r.Keywords {
				all.WriteString(k + "=" + filler)
			}
		}
	}
	return all.String()[:1<<20]
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

func FuzzScan(f *testing.F) {
	for i, r := range secrets.Rules() {
		for _, e := range append(r.Match, r.Mismatch...) {
			f.Add([]byte(expand(e.Text(), int64(i))))
		}
	}
	f.Add([]byte("\xff\xfeg\x00\x00\xd8h\x00p"))
	f.Add([]byte(zip(token(1))))
	m := matcher(f, secrets.Options{Extra: map[string]string{"any": `\w+=.`, "none": `x*`}, MaxFileSize: 1 << 16})
	f.Fuzz(func(t *testing.T, content []byte) {
		got, skipped, err := m.Scan("/app/f.conf", int64(len(content)), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		again, skippedAgain, err := m.Scan("/app/f.conf", 0, iotest.OneByteReader(bytes.NewReader(content)))
		if diff := cmp.Diff(got, again); diff != "" || skipped != skippedAgain || err != nil {
			t.Fatalf("byte by byte it finds otherwise (%q, %q, %v): %s", skipped, skippedAgain, err, diff)
		}
		size := int64(len(content))
		if bytes.HasPrefix(content, []byte{0x1f, 0x8b, 8}) {
			size = 1 << 16
		}
		for _, match := range got {
			if match.LineNumber < 1 || match.LineOffset < 0 || match.LineOffset > match.SeekPosition ||
				match.Length < 1 || match.SeekPosition+match.Length > size {
				t.Fatalf("%+v lies outside a file of %d bytes", match, size)
			}
		}
	})
}
