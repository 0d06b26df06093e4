package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anchore/syft/syft/file"
)

// Kinds of questions, those first whose answers change most.
const (
	askKinds  byte = '1' // by kinds of content
	askGlobs  byte = '2'
	askStores byte = '3' // all there is in Nix stores
	askAll    byte = '4'
	askHas    byte = '5'
	askPaths  byte = '6'
)

// question is what a resolver was asked, as text: the kind, and the only
// argument; or the kind, a zero byte and each argument after its length.
func question(kind byte, what ...string) string {
	if len(what) == 1 && (what[0] == "" || what[0][0] != 0) {
		return string(kind) + what[0]
	}
	if kind == askKinds {
		what = slices.Sorted(slices.Values(what)) // syft's order is by chance
	}
	text := []byte{kind, 0}
	for _, w := range what {
		text = appendText(text, w)
	}
	return string(text)
}

// parseQuestion is the reverse of question.
func parseQuestion(q string) (kind byte, what []string, ok bool) {
	if q == "" {
		return 0, nil, false
	}
	kind, rest := q[0], q[1:]
	if rest == "" || rest[0] != 0 {
		return kind, []string{rest}, true
	}
	in := []byte(rest[1:])
	for len(in) > 0 {
		var text []byte
		if text, in, ok = cutText(in); !ok {
			return 0, nil, false
		}
		what = append(what, string(text))
	}
	return kind, what, true
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n:n], b[n:], true
}

// answer is the digest of an answer.
type answer [sha256.Size]byte

// answerOf is the digest of what a resolver answered: for every file where it
// is, by which path it was found, and what it is.
//
// What a file holds is said by its digest, or if r gives none, by its layer and
// path. Layers are called as names has them.
func answerOf(r file.MetadataResolver, names names, q string, yes bool, found []file.Location, err error) answer {
	t := newTelling(r, names)
	if yes {
		t.said = true
		t.sum.Write([]byte{1})
	}
	if err != nil {
		t.sum.Write(appendText([]byte{2}, err.Error()))
	}
	if q[0] != askKinds {
		for _, l := range found {
			t.add(l)
		}
		return t.answer()
	}
	texts := make([][]byte, 0, len(found))
	for _, l := range found {
		texts = append(texts, appendLocation(nil, r, names, l))
	}
	slices.SortFunc(texts, bytes.Compare)
	for _, text := range texts {
		t.text(text)
	}
	return t.answer()
}

// telling makes an answer of files one after the other, so that they need not all be
// held at once.
type telling struct {
	of    file.MetadataResolver
	names names
	sum   hash.Hash
	said  bool // that there are some
	room  []byte
}

func newTelling(of file.MetadataResolver, names names) *telling {
	return &telling{of: of, names: names, sum: sha256.New()}
}

func (t *telling) add(l file.Location) {
	if !t.said {
		t.said = true
		t.sum.Write([]byte{1})
	}
	t.room = appendLocation(t.room[:0], t.of, t.names, l)
	t.text(t.room)
}

func (t *telling) text(b []byte) {
	var size [binary.MaxVarintLen64]byte
	t.sum.Write(size[:binary.PutUvarint(size[:], uint64(len(b)))])
	t.sum.Write(b)
}

func (t *telling) answer() answer { return answer(t.sum.Sum(nil)) }

func appendLocation(b []byte, r file.MetadataResolver, names names, l file.Location) []byte {
	b = appendText(b, l.AccessPath)
	b = appendText(b, l.RealPath)
	b = appendText(b, l.FullPath)
	b = appendText(b, names.of(l.FileSystemID))
	m, err := r.FileMetadataByLocation(l)
	if err != nil {
		return appendText(append(b, 0), err.Error())
	}
	b = appendText(append(b, 1), m.MIMEType)
	b = appendText(b, m.LinkDestination)
	b = binary.AppendVarint(b, int64(m.Type))
	if m.FileInfo != nil {
		b = binary.AppendVarint(b, m.Size())
		b = binary.AppendVarint(b, int64(m.Mode()))
	}
	b = binary.AppendVarint(b, int64(m.UserID))
	b = binary.AppendVarint(b, int64(m.GroupID))
	if d, ok := r.(digester); ok {
		if digest, ok := d.Digest(l); ok {
			b = append(b, digest[:]...)
		}
	}
	return b
}

// digester is a resolver that knows the SHA-256 of contents.
type digester interface {
	Digest(file.Location) (digest [sha256.Size]byte, ok bool)
}

// record is the questions that were asked of a resolver, and the digests of its
// answers. A nil one takes no notes.
type record struct {
	of      file.MetadataResolver
	seed    maphash.Seed
	spoiled atomic.Bool // something cannot be written down faithfully

	mu      sync.Mutex
	answers map[string]answer
	given   map[uint64]bool // the locations in them, hashed
	layers  map[string]bool // the layers of these
	size    *atomic.Int64   // of the questions, bytes; with those of other runs of the cataloger
}

// maxQuestions bounds the records of a cataloger: bytes of questions. For an image of
// which it asks more it runs anew each time.
const maxQuestions = 128 << 20

func newRecord(of file.MetadataResolver, size *atomic.Int64) *record {
	return &record{
		of: of, seed: maphash.MakeSeed(), size: size,
		answers: map[string]answer{}, given: map[uint64]bool{}, layers: map[string]bool{},
	}
}

func (r *record) spoil() {
	if r != nil {
		r.spoiled.Store(true)
	}
}

func (r *record) add(q string, yes bool, found []file.Location, err error) {
	if r == nil || r.spoiled.Load() {
		return
	}
	r.mu.Lock()
	_, known := r.answers[q]
	r.mu.Unlock()
	if known {
		return
	}
	r.tell(q, answerOf(r.of, nil, q, yes, found, err), found)
}

// tell writes down what was answered.
func (r *record) tell(q string, said answer, found []file.Location) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.answers[q]; known || r.answers == nil {
		return
	}
	r.answers[q] = said
	r.note(found...)
	if r.size.Add(int64(len(q))) > maxQuestions {
		r.answers = nil
		r.spoil()
	}
}

// giving notes a location of an answer that is not complete yet.
func (r *record) giving(l file.Location) {
	if r == nil || r.spoiled.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(l)
}

func (r *record) note(found ...file.Location) {
	for _, l := range found {
		r.given[r.hash(l)] = true
		r.layers[l.FileSystemID] = true
	}
}

// gave tells whether a location was in an answer: what is asked of others is not
// known from the questions.
func (r *record) gave(l file.Location) bool {
	if r == nil || r.spoiled.Load() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given[r.hash(l)]
}

func (r *record) hash(l file.Location) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(l.RealPath)
	h.WriteByte(0)
	h.WriteString(l.FileSystemID)
	return h.Sum64()
}
