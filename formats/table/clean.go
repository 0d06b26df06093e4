package table

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from a stranger safe to show: control characters, terminal
// escapes, characters that reverse the direction of text and bytes that are not
// UTF-8 become visible escapes, as in `\x1b`. The result is one line.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unsafe(r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

func isClean(s string) bool {
	for i, r := range s {
		if unsafe(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// unsafe tells the runes that a terminal may act on instead of showing them.
func unsafe(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r < 0x2000:
		return r == 0xad || r == 0x61c
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) && r != 0x200d
}

// NewCleaner hands what is written to it on to w, safe to show on a terminal:
// as Clean does, but lines and tabs stay.
func NewCleaner(w io.Writer) io.Writer { return &cleaner{w: w} }

type cleaner struct {
	w    io.Writer
	rest []byte // the beginning of a rune whose end was not written yet
}

func (c *cleaner) Write(p []byte) (int, error) {
	data := append(c.rest, p...)
	c.rest = nil
	if n := incomplete(data); n > 0 {
		c.rest = append([]byte(nil), data[len(data)-n:]...)
		data = data[:len(data)-n]
	}
	var b strings.Builder
	for len(data) > 0 {
		i := 0
		for i < len(data) && data[i] != '\n' && data[i] != '\t' {
			i++
		}
		b.WriteString(Clean(string(data[:i])))
		if i < len(data) {
			b.WriteByte(data[i])
			i++
		}
		data = data[i:]
	}
	if _, err := io.WriteString(c.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// incomplete is how many bytes at the end of data begin a rune that lacks its end.
func incomplete(data []byte) int {
	for n := 1; n <= len(data) && n < utf8.UTFMax; n++ {
		b := data[len(data)-n]
		if utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(data[len(data)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
