package secrets_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

func TestUTF16(t *testing.T) {
	m := matcher(t, secrets.Options{})
	text := "# größer" + strings.Repeat("größer 𝄞\n", 500) + "ключ = " + token(1) + "\r\n"
	ascii := "[remote]" + text
	for name, test := range map[string]struct {
		text  string
		order binary.AppendByteOrder
		mark  int64
		found bool
	}{
		"little endian":                {text, binary.LittleEndian, 2, true},
		"big endian":                   {text, binary.BigEndian, 2, true},
		"little endian without a mark": {ascii, binary.LittleEndian, 0, true},
		"big endian without a mark":    {ascii, binary.BigEndian, 0, true},
		"seven characters of ASCII":    {"[remot]ü" + text, binary.LittleEndian, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			var content []byte
			if test.mark > 0 {
				content = test.order.AppendUint16(nil, 0xfeff)
			}
			for _, u := range utf16.Encode([]rune(test.text)) {
				content = test.order.AppendUint16(content, u)
			}
			before := len(utf16.Encode([]rune(test.text[:strings.Index(test.text, "ghp_")])))
			var want []bundle.Match
			if test.found {
				want = []bundle.Match{{
					Classification: "github-pat", LineNumber: 501, LineOffset: 2 * 7,
					SeekPosition: test.mark + int64(2*before), Length: 2 * 40,
				}}
			}
			if diff := cmp.Diff(want, scan(t, m, "/f", string(content))); diff != "" {
				t.Error(diff)
			}
		})
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
		"only looks like it": {"\x1f\x8b\x08\n" + token(1), []bundle.Match{{Classification: "github-pat", LineNumber: 2, SeekPosition: 4, Length: 40}}, "gzip is damaged: searched as it is"},
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
