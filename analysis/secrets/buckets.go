package secrets

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// foldAll makes one of the cases of letters, four at a time. It makes one of
// some other bytes too, which a look at the keyword itself sorts out.
const foldAll = 0x20202020

// piece is an anchor's four bytes: of each, the bytes that it may be; empty is any.
type piece struct {
	bytes [4]string
	kind  uint64 // 0, shortEnd or shortStart
}

// pieceOf is the four bytes of k at place at, which may begin before it or end
// after it by one.
func pieceOf(k keyword, at int) piece {
	var p piece
	for i := range p.bytes {
		if at+i < 0 {
			p.kind = shortStart
			continue
		}
		if at+i >= len(k.text) {
			p.kind = shortEnd
			continue
		}
		c := k.text[at+i]
		p.bytes[i] = string(c)
		if !k.cased && 'a' <= c && c <= 'z' {
			p.bytes[i] += string(c &^ 0x20)
		}
	}
	return p
}

// key is what candidate computes of the piece's bytes in a text.
func (p piece) key() uint64 {
	var four uint32
	for i, c := range p.bytes {
		if c != "" {
			four |= uint32(c[0]|0x20) << (8 * i)
		}
	}
	return keyOf(four, p.kind)
}

func keyOf(four uint32, kind uint64) uint64 {
	switch kind {
	case shortEnd:
		four &= 1<<24 - 1
	case shortStart:
		four >>= 8
	}
	return kind<<32 | uint64(four)
}

// frequency is how often the piece is to be expected.
func (p piece) frequency() float64 {
	return p.half(0) * p.half(2)
}

func (p piece) half(i int) float64 { return share(p.bytes[i], p.bytes[i+1]) }

// pairsOf are the pairs that the piece's bytes at i and i+1 may be.
func (p piece) pairsOf(i int) (list []uint16) {
	for _, a := range each(p.bytes[i]) {
		for _, b := range each(p.bytes[i+1]) {
			list = append(list, uint16(a)|uint16(b)<<8)
		}
	}
	return list
}

func each(choice string) []byte {
	if choice != "" {
		return []byte(choice)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// common are the bytes of program text and settings, and commonPairs the pairs
// of them, the most frequent first, as counted in a Debian system and a few
// hundred npm packages.
const (
	common      = " etaoirnslcdupmfhgby.\n_,v-w:/x0=k\"'()1;2T*SCEAI3jqzR5{}PNLDO4B>F<M6V8U9G7H"
	commonPairs = "  \n reonere inesatteorenth ttistt ntleioet;\nhe: sedes n arropeisal, edme i anscoanct ==  * ctang {urrira rr it" +
		" sectrnd \"to,\nasexneced  oamunncueports.ul{\nchac*  foueacaliveypge);llf tyom }) fiodhipatu nrn (== e pifvaRena" +
		"sse.pr\":rrillaicmaopsihatsutmpus}\nelidot\", dlofoefolptem blursbequofCoy noxp vagso mieke /im wo **t.e_eqad--.\n" +
		"di\n\n/**/ 'e(fua *\ne,spdaplapckbl Anu Tigxt()St),l Praboc/\n umiowg e). cr,\"umclmoltirsufani lInsce\"h //ttt_shry" +
		"Ths_rum jerclst(aiSeoovi(efeDeevepwi S `oboipue:bas:n(rg))Tyey/  @ldmb 0ewly},buho hos.c&& C Rtciabjrmr.} nfbo" +
		"_t.st,\")ivPappup?:duuiayok g(tr(eeMa_aaugicuegw .p"
)

// pairShares is how often the common pairs are.
var pairShares = sync.OnceValue(func() map[string]float64 {
	shares := map[string]float64{}
	for i := 0; i < len(commonPairs); i += 2 {
		shares[commonPairs[i:i+2]] = 0.2 / float64(i/2+20)
	}
	return shares
})

// rare bounds the share of a pair that is not common.
const rare = 0.0005

// share is how often the pair of a byte of x and one of y is to be expected.
func share(x, y string) float64 {
	if x == "" || y == "" {
		return often(x) * often(y)
	}
	sum := 0.0
	for _, a := range []byte(x) {
		for _, b := range []byte(y) {
			known, common := pairShares()[string([]byte{a, b})]
			if !common {
				known = min(rare, often(string([]byte{a}))*often(string([]byte{b})))
			}
			sum += known
		}
	}
	return sum
}

// often is the share of bytes that are one of choice; empty is any.
func often(choice string) float64 {
	if choice == "" {
		return 1
	}
	sum := 0.0
	for _, c := range []byte(choice) {
		rank := strings.IndexByte(common, c)
		if rank < 0 {
			rank = 3 * len(common)
		}
		sum += 0.3 / float64(rank+4)
	}
	return sum
}

// buckets shares the pieces out so that few pairs agree on a bucket by chance.
type buckets struct {
	pieces []piece
	begins [8]half
	ends   [8]half
}

// half is a set of pairs and how often one of them is to be expected.
type half struct {
	pairs [1 << 16]bool
	share float64
}

// fill writes the table of an index.
func (b *buckets) fill(table *[1 << 16]uint16) {
	slices.SortFunc(b.pieces, func(x, y piece) int {
		return cmp.Or(strings.Compare(x.bytes[1], y.bytes[1]), strings.Compare(x.bytes[0], y.bytes[0]), cmp.Compare(x.key(), y.key()))
	})
	for _, p := range b.pieces {
		i := b.choose(p)
		b.begins[i].add(p, 0)
		b.ends[i].add(p, 2)
	}
	for i := range b.begins {
		for pair := range table {
			if b.begins[i].pairs[pair] {
				table[pair] |= 1 << i
			}
			if b.ends[i].pairs[pair] {
				table[pair] |= 0x100 << i
			}
		}
	}
}

// choose is the bucket in which p adds the least.
func (b *buckets) choose(p piece) int {
	if p.kind != 0 {
		return int(p.kind)
	}
	best, least := 0, 2.0
	for i := range longBuckets {
		x, y := &b.begins[i], &b.ends[i]
		added := (x.share+x.more(p, 0))*(y.share+y.more(p, 2)) - x.share*y.share
		if added < least {
			best, least = i, added
		}
	}
	return best
}

// more is the share that the piece's half at i would add.
func (h *half) more(p piece, i int) (sum float64) {
	for _, a := range []byte(p.bytes[i]) {
		for _, b := range []byte(p.bytes[i+1]) {
			if !h.pairs[uint16(a)|uint16(b)<<8] {
				sum += share(string([]byte{a}), string([]byte{b}))
			}
		}
	}
	return sum
}

func (h *half) add(p piece, i int) {
	h.share += h.more(p, i)
	for _, pair := range p.pairsOf(i) {
		h.pairs[pair] = true
	}
}
