package secrets_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
)

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
