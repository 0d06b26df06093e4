package secrets_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// maxHanded is how many bytes are given to expressions for each byte of a file
// that is made to be slow. A prudent text is far below 1.
const maxHanded = 48

// Files made to be slow cost a bounded number of bytes given to expressions for
// each of theirs, and no more for each when they are four times as large.
func TestHostileFilesAreLinear(t *testing.T) {
	m := matcher(t, secrets.Options{MaxFileSize: 1 << 23})
	for name, line := range hostileLines() {
		t.Run(name, func(t *testing.T) {
			once, fourfold := handed(t, m, line, 1<<19), handed(t, m, line, 1<<21)
			if once > maxHanded || fourfold > maxHanded || fourfold > 1.25*once+0.5 {
				t.Errorf("%.1f bytes handed for each, %.1f in a file of four times the size; want %d at most", once, fourfold, maxHanded)
			}
		})
	}
}

// handed is how many bytes are given to expressions for each of a file of lines.
func handed(t *testing.T, m *secrets.Matcher, line string, size int) float64 {
	t.Helper()
	content := strings.Repeat(line, size/len(line)+1)[:size]
	n, err := m.Handed("/app/passwd.netrc.yaml", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return float64(n) / float64(size)
}

func hostileLines() map[string]string {
	lines := map[string]string{
		"one huge line of names":        "key=",
		"of names of keys":              "api_key=",
		"of passwords":                  "password=",
		"repeated prefixes":             "eyJ",
		"tokens without an end":         "bkaj_" + strings.Repeat("x-", 350),
		"tokens of tokens":              "eyJ" + strings.Repeat("A", 1000) + ".eyJ" + strings.Repeat("B", 1000) + ".",
		"addresses with passwords":      "http://a:b@c",
		"keys without an end":           "-----BEGIN RSA PRIV" + "ATE KEY-----\n" + strings.Repeat("A", 9000),
		"objects without an end":        `"kty":"RSA","d":"`,
		"connections":                   "server=a;password=b1;",
		"manifests":                     "kind: Secret\ndata:\n a: b\n",
		"all keywords":                  keywords("\n"),
		"all keywords, no end of line":  keywords("="),
		"all keywords with quotes":      keywords(`": "`),
		"all keywords with tokens":      keywords("=" + strings.Repeat("A1b2", 10)),
		"all keywords with long tokens": keywords("=" + strings.Repeat("A1b2", 400)),
	}
	var matches, apart strings.Builder
	for i, r := range secrets.Rules() {
		text := expand(r.Match[0].Text(), int64(i)) + "\n"
		matches.WriteString(text)
		apart.WriteString(text + strings.Repeat(" ", 300))
	}
	lines["matches of all rules"], lines["matches of all rules, apart"] = matches.String(), apart.String()
	return lines
}

func keywords(filler string) string {
	var all strings.Builder
	for _, r := range secrets.Rules() {
		for _, k := range r.Keywords {
			all.WriteString(k + filler)
		}
	}
	return all.String()
}

// However much a gzip file inflates to, no more than the limit is searched.
func TestBombIsCutOff(t *testing.T) {
	m := matcher(t, secrets.Options{MaxFileSize: 1 << 20})
	bomb := zip(strings.Repeat("api_key=", 8<<20))
	n, err := m.Handed("/app/bomb.conf.gz", strings.NewReader(bomb))
	if err != nil || n > maxHanded<<20 {
		t.Errorf("%d bytes of %d handed, error %v", n, len(bomb), err)
	}
}

func hostile(filler string) string {
	line := keywords("=" + filler)
	return strings.Repeat(line, 1<<20/len(line)+1)[:1<<20]
}

func FuzzScan(f *testing.F) {
	for i, r := range secrets.Rules() {
		for _, e := range append(r.Match, r.Mismatch...) {
			f.Add([]byte(expand(e.Text(), int64(i))))
		}
	}
	f.Add([]byte("\xff\xfeg\x00\x00\xd8h\x00p"))
	f.Add([]byte("t\x00o\x00k\x00e\x00n\x00 \x00=\x00 \x00\x00\xd8h\x00p"))
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
