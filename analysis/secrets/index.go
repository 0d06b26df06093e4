package secrets

import (
	"encoding/binary"
	"slices"
)

// index finds the keywords of all rules in one pass. Text is read two bytes at
// a time. Every keyword is known by two pieces of four bytes, one for each way
// in which such pairs can fall on it: its anchors, chosen to be rare. An anchor
// belongs to one of eight buckets. pairs says of any two bytes in which buckets
// they begin an anchor, and in which they end one; only where two pairs that
// follow each other agree on a bucket is there a closer look.
//
// Unlike in an automaton no step waits for the one before it, which is why this
// is several times as fast.
type index struct {
	pairs    *[1 << 16]uint16 // low byte: the buckets that it begins, high byte: that it ends
	maybe    *[1 << 10]uint64 // a bit for every hash that a key of anchors has
	anchors  map[uint64][]anchor
	keywords []keyword
}

// keyword is what one or more rules look for.
type keyword struct {
	text  string
	cased bool  // counts only as it is written; otherwise text is in lower case
	rules []int // ascending
}

// anchor is a piece of a keyword: the keyword begins back bytes before it.
type anchor struct{ keyword, back int }

// The buckets. A keyword of three or four bytes cannot have a piece of four
// for both ways of falling: the last byte of a piece in shortEnd, and the first
// byte of one in shortStart, is any.
const (
	longBuckets = 6
	shortEnd    = 6
	shortStart  = 7
)

const (
	shortest = 3 // bytes of a keyword
	longest  = 64
	padding  = 16 // readable bytes after the end of what is scanned
)

func newIndex(rules []*rule) *index {
	ix := &index{pairs: new([1 << 16]uint16), maybe: new([1 << 10]uint64), anchors: map[uint64][]anchor{}}
	ix.keywords = keywordsOf(rules)
	b := &buckets{}
	for i, k := range ix.keywords {
		for _, at := range k.places() {
			p := pieceOf(k, at)
			b.pieces = append(b.pieces, p)
			key := p.key()
			word, bit := hash(key)
			ix.maybe[word] |= bit
			ix.anchors[key] = append(ix.anchors[key], anchor{i, at})
		}
	}
	b.fill(ix.pairs)
	return ix
}

// keywordsOf are the distinct keywords of rules.
func keywordsOf(rules []*rule) []keyword {
	type form struct {
		text  string
		cased bool
	}
	at := map[form]int{}
	var all []keyword
	for i, r := range rules {
		for _, word := range r.Keywords {
			f := form{word, r.cased(word)}
			if _, known := at[f]; !known {
				at[f] = len(all)
				all = append(all, keyword{text: word, cased: f.cased})
			}
			if k := &all[at[f]]; !slices.Contains(k.rules, i) {
				k.rules = append(k.rules, i)
			}
		}
	}
	return all
}

// places are where the two anchors of k begin in it: the rarest at an even and
// at an odd place. -1 is the byte before it.
func (k keyword) places() [2]int {
	if len(k.text) == shortest {
		return [2]int{0, -1}
	}
	best := [2]int{0, -1}
	if len(k.text) > shortest+1 {
		best[1] = 1
	}
	for at := 0; at+shortest <= len(k.text); at++ {
		if at+4 > len(k.text) && len(k.text) > shortest+1 {
			break
		}
		if at%2 < len(best) && pieceOf(k, at).frequency() < pieceOf(k, best[at%2]).frequency() {
			best[at%2] = at
		}
	}
	return best
}

// hash is where maybe says whether there is an anchor of the key.
func hash(key uint64) (word int, bit uint64) {
	h := key * 0x9e3779b97f4a7c15 >> 48
	return int(h >> 6), 1 << (h & 63)
}

// scan calls visit with every keyword that begins in text[from:to], and where.
// Those of one keyword come in order, those of several may be out of order by
// less than longest. text has padding bytes of capacity beyond its
// length.
func (ix *index) scan(text []byte, from, to int, visit func(start int, k *keyword)) {
	end := len(text)
	padded := text[:end+padding]
	s := &sweep{ix, padded, end, from, to, visit}
	pairs := ix.pairs
	at := max(0, from-1) &^ 1
	stop := min(end, to+longest)
	last := pairs[binary.LittleEndian.Uint16(padded[at:])]
	for ; at < stop; at += 8 {
		block := padded[at : at+10 : at+10]
		w := binary.LittleEndian.Uint64(block)
		a, b := pairs[uint16(w>>16)], pairs[uint16(w>>32)]
		c, d := pairs[uint16(w>>48)], pairs[binary.LittleEndian.Uint16(block[8:])]
		if last&(a>>8)|a&(b>>8)|b&(c>>8)|c&(d>>8) != 0 {
			s.block(at, [5]uint16{last, a, b, c, d})
		}
		last = d
	}
}

// sweep is one scan.
type sweep struct {
	*index
	padded        []byte
	end, from, to int
	visit         func(int, *keyword)
}

func (s *sweep) block(at int, pairs [5]uint16) {
	for i := range 4 {
		if buckets := pairs[i] & (pairs[i+1] >> 8); buckets != 0 {
			s.candidate(at+2*i, buckets)
		}
	}
}

// candidate looks for the anchors that the four bytes at p may be.
func (s *sweep) candidate(p int, buckets uint16) {
	four := binary.LittleEndian.Uint32(s.padded[p:]) | foldAll
	if buckets&(1<<longBuckets-1) != 0 {
		s.lookup(p, keyOf(four, 0))
	}
	if buckets&(1<<shortEnd) != 0 {
		s.lookup(p, keyOf(four, shortEnd))
	}
	if buckets&(1<<shortStart) != 0 {
		s.lookup(p, keyOf(four, shortStart))
	}
}

func (s *sweep) lookup(p int, key uint64) {
	if word, bit := hash(key); s.maybe[word]&bit == 0 {
		return
	}
	for _, a := range s.anchors[key] {
		k := &s.keywords[a.keyword]
		start := p - a.back
		if start >= s.from && start < s.to && start+len(k.text) <= s.end && k.is(s.padded[start:]) {
			s.visit(start, k)
		}
	}
}

// is says whether text begins with k.
func (k *keyword) is(text []byte) bool {
	if k.cased {
		return string(text[:len(k.text)]) == k.text
	}
	for i := range len(k.text) {
		if lower(text[i]) != k.text[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
