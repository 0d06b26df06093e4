package sbom

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
)

// fnv is the hash that syft's identities are made of: FNV-1 with 64 bits.
type fnv uint64

const (
	fnvStart fnv = 14695981039346656037
	fnvPrime fnv = 1099511628211
)

func fnvOf(s string) fnv {
	h := fnvStart
	for i := range len(s) {
		h = h*fnvPrime ^ fnv(s[i])
	}
	return h
}

// word adds eight bytes, the lowest first.
func (h fnv) word(w fnv) fnv {
	for range 8 {
		h = h*fnvPrime ^ w&0xff
		w >>= 8
	}
	return h
}

var (
	kindCoordinates = fnvOf("Coordinates")
	fieldRealPath   = fnvOf("RealPath")
	fieldFileSystem = fnvOf("FileSystemID")
	fieldFullPath   = fnvOf("FullPath")
)

// identity is what syft's Coordinates.ID gives: the hash of a structure by its
// fields, which syft takes by reflection.
func identity(c file.Coordinates) fnv {
	h := withField(kindCoordinates, fieldRealPath, c.RealPath)
	h = withField(h, fieldFileSystem, c.FileSystemID)
	if c.FullNestedPath() != c.RealPath {
		h = withField(h, fieldFullPath, c.FullPath)
	}
	return h
}

func withField(h, name fnv, value string) fnv {
	return fnvStart.word(h ^ fnvStart.word(name).word(fnvOf(value)))
}

const hexDigits = "0123456789abcdef"

// appendHex appends 16 digits, as syft writes identities.
func appendHex(b []byte, h uint64) []byte {
	var text [16]byte
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], h)
	for i, v := range raw {
		text[2*i], text[2*i+1] = hexDigits[v>>4], hexDigits[v&15]
	}
	return append(b, text[:]...)
}

// parseHex is the number of an identity that syft wrote: 16 digits.
func parseHex(s string) (h uint64, ok bool) {
	if len(s) != 16 {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			h = h<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			h = h<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return h, true
}

// oddIdentities are those that are not 16 hex digits, by the numbers that stand for
// them: documents in an image may name packages as they like.
type oddIdentities map[uint64]string

// oddSeed keeps an image from having one stand for another.
var oddSeed = maphash.MakeSeed()

// number is the one of an identity.
func (o oddIdentities) number(id artifact.ID) uint64 {
	if n, ok := parseHex(string(id)); ok {
		return n
	}
	n := maphash.String(oddSeed, string(id))
	o[n] = string(id)
	return n
}

func (o oddIdentities) text(n uint64) string {
	if odd, ok := o[n]; ok {
		return odd
	}
	return string(appendHex(nil, n))
}

// compare orders identities by their texts.
func (o oddIdentities) compare(a, b uint64) int {
	if len(o) == 0 || a == b {
		return cmp.Compare(a, b)
	}
	return strings.Compare(o.text(a), o.text(b))
}

// append appends an identity as it is within a text of JSON.
func (o oddIdentities) append(b []byte, n uint64) []byte {
	odd, ok := o[n]
	if !ok {
		return appendHex(b, n)
	}
	text, err := newEncoder().encode(odd)
	if err != nil { // no text has one
		return b
	}
	return append(b, text[1:len(text)-1]...)
}
