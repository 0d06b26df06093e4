package secrets

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// text is what is searched, and how its places become places in the file.
type text struct {
	bytes []byte
	wide  bool  // the file is UTF-16: two bytes a unit, after a mark of two
	marks []int // of a wide text: units before each markEvery bytes, or the character across them
}

const markEvery = 1 << 10

// offset is the place in the file of the place at in the text.
func (t text) offset(at int) int64 {
	if !t.wide {
		return int64(at)
	}
	mark := at / markEvery
	units, rest := t.marks[mark], t.bytes[mark*markEvery:at]
	for len(rest) > 0 && !utf8.RuneStart(rest[0]) {
		rest = rest[1:]
	}
	for len(rest) > 0 {
		r, n := utf8.DecodeRune(rest)
		units += max(1, utf16.RuneLen(r))
		rest = rest[n:]
	}
	return int64(2 + 2*units)
}

// decode is the text of s.raw: inflated, and UTF-8 where it was UTF-16. What
// cannot be inflated is searched as it is.
func (s *scratch) decode(limit int64) (text, string) {
	raw := s.raw.Bytes()
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b, 8}):
		return s.inflate(raw, limit)
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		return s.narrow(raw[2:], binary.LittleEndian), ""
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return s.narrow(raw[2:], binary.BigEndian), ""
	}
	return text{bytes: raw}, ""
}

// inflate searches what can be had: of a damaged file that is what comes
// before the damage.
func (s *scratch) inflate(raw []byte, limit int64) (text, string) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		_, err = s.text.ReadFrom(io.LimitReader(z, limit+1))
	}
	switch {
	case int64(s.text.Len()) > limit:
		return text{bytes: s.text.Bytes()[:limit]}, inflatesTooFar(limit)
	case err != nil && s.text.Len() == 0:
		return text{bytes: raw}, "gzip is damaged: searched as it is"
	case err != nil:
		return text{bytes: s.text.Bytes()}, "gzip is damaged: what comes after the damage is left out"
	}
	return text{bytes: s.text.Bytes()}, ""
}

// narrow writes UTF-16 as UTF-8. A unit that is no character becomes U+FFFD,
// which offset counts as one unit again.
func (s *scratch) narrow(raw []byte, order binary.ByteOrder) text {
	marks := []int{0}
	units := 0
	for i := 0; i+1 < len(raw); i += 2 {
		r := rune(order.Uint16(raw[i:]))
		if utf16.IsSurrogate(r) {
			r = pair(r, raw[i+2:], order)
		}
		s.text.WriteRune(r)
		units += utf16.RuneLen(r)
		i += 2 * (utf16.RuneLen(r) - 1)
		if s.text.Len() >= len(marks)*markEvery {
			marks = append(marks, units)
		}
	}
	return text{bytes: s.text.Bytes(), wide: true, marks: marks}
}

// pair is the character of the surrogate high and the unit that rest begins with.
func pair(high rune, rest []byte, order binary.ByteOrder) rune {
	if len(rest) < 2 {
		return utf8.RuneError
	}
	return utf16.DecodeRune(high, rune(order.Uint16(rest)))
}
