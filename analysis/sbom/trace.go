package sbom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anchore/syft/syft/file"
)

// trace is a record as it is kept: the questions, sorted, and the digests of
// the answers to each stretch of them.
type trace struct {
	questions []string
	digests   []answer
	layers    []string // whose files the answers are, lowest first
	called    []string // these, by the names that were digested
}

// stretch is how many questions share a digest.
const stretch = 256

// trace is what the record comes to, false where it cannot be relied on. The
// order of the layers decides about the order of places in the document.
func (r *record) trace(layers []string) (trace, bool) {
	if r == nil || r.spoiled.Load() {
		return trace{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := trace{questions: make([]string, 0, len(r.answers))}
	for q := range r.answers {
		t.questions = append(t.questions, q)
	}
	slices.Sort(t.questions)
	for part := range slices.Chunk(t.questions, stretch) {
		h := sha256.New()
		for _, q := range part {
			said := r.answers[q]
			h.Write(said[:])
		}
		t.digests = append(t.digests, answer(h.Sum(nil)))
	}
	for _, id := range inOrder(layers) {
		if r.layers[id] {
			t.layers = append(t.layers, id)
			delete(r.layers, id)
		}
	}
	t.called = t.layers
	return t, len(r.layers) == 0 // else a file is of no layer of the image
}

// inOrder is the layers as syft orders them: a layer that is there twice counts
// where it is last.
func inOrder(layers []string) []string {
	var order []string
	for i, id := range layers {
		if !slices.Contains(layers[i+1:], id) {
			order = append(order, id)
		}
	}
	return order
}

// holds asks the questions again, and tells whether all answers are the same but
// for the names of layers. It ends at the first stretch that differs.
func (t trace) holds(ctx context.Context, r file.Resolver, layers []string, renamed map[string]string) (bool, error) {
	if _, ok := r.(digester); len(renamed) > 0 && !ok {
		return false, nil
	}
	t = t.renamed(renamed)
	names := namesOf(t.layers, t.called)
	if !within(t.layers, inOrder(layers)) || len(t.digests) != (len(t.questions)+stretch-1)/stretch {
		return false, nil
	}
	var next, differs atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil && differs.Load() == 0 {
				n := int(next.Add(1)) - 1
				if n >= len(t.digests) {
					return
				}
				part := t.questions[n*stretch : min((n+1)*stretch, len(t.questions))]
				if digest, err := askAgain(ctx, r, names, part); err != nil || digest != t.digests[n] {
					differs.Add(1)
				}
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return differs.Load() == 0, nil
}

// within tells whether part is in all, in the same order.
func within(part, all []string) bool {
	for _, id := range part {
		at := slices.Index(all, id)
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return true
}

var errQuestion = errors.New("not a question")

// askAgain is the digest of the answers to some questions.
func askAgain(ctx context.Context, r file.Resolver, names names, questions []string) (answer, error) {
	h := sha256.New()
	for _, q := range questions {
		kind, what, ok := parseQuestion(q)
		if !ok {
			return answer{}, errQuestion
		}
		var found []file.Location
		var yes bool
		var err error
		switch kind {
		case askKinds:
			found, err = findKinds(r, what...)
		case askGlobs:
			found, err = r.FilesByGlob(what...)
		case askPaths:
			found, err = r.FilesByPath(what...)
		case askStores:
			said := tellAll(r, names, inStores(ctx, r))
			h.Write(said[:])
			continue
		case askAll:
			said := tellAll(r, names, r.AllLocations(ctx))
			h.Write(said[:])
			continue
		case askHas:
			if len(what) != 1 {
				return answer{}, errQuestion
			}
			yes = r.HasPath(what[0])
		default:
			return answer{}, errQuestion
		}
		said := answerOf(r, names, q, yes || len(found) > 0, found, err)
		h.Write(said[:])
	}
	return answer(h.Sum(nil)), nil
}

// tellAll is the answer that files are.
func tellAll(r file.MetadataResolver, names names, all <-chan file.Location) answer {
	t := newTelling(r, names)
	for l := range all {
		t.add(l)
	}
	return t.answer()
}

// append appends the trace to b, each question by what it does not share with
// the one before.
func (t trace) append(b []byte) []byte {
	b = appendTexts(b, t.layers)
	b = appendTexts(b, t.called)
	b = binary.AppendUvarint(b, uint64(len(t.questions)))
	var before string
	for _, q := range t.questions {
		n := 0
		for n < min(len(q), len(before)) && q[n] == before[n] {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		b = appendText(b, q[n:])
		before = q
	}
	for _, d := range t.digests {
		b = append(b, d[:]...)
	}
	return b
}

// cutTrace is the reverse of append.
func cutTrace(b []byte) (t trace, ok bool) {
	if t.layers, b, ok = cutTexts(b); !ok {
		return trace{}, false
	}
	if t.called, b, ok = cutTexts(b); !ok || len(t.called) != len(t.layers) {
		return trace{}, false
	}
	count, size := binary.Uvarint(b)
	if size <= 0 || count > uint64(len(b)) {
		return trace{}, false
	}
	b = b[size:]
	var text bytes.Buffer
	var before []byte
	total := 0
	for range count {
		shared, size := binary.Uvarint(b)
		if size <= 0 || shared > uint64(len(before)) {
			return trace{}, false
		}
		var rest []byte
		if rest, b, ok = cutText(b[size:]); !ok {
			return trace{}, false
		}
		if total += int(shared) + len(rest); total > maxQuestions {
			return trace{}, false
		}
		text.Reset()
		text.Write(before[:shared])
		text.Write(rest)
		before = append(before[:0], text.Bytes()...)
		t.questions = append(t.questions, string(before))
	}
	if len(b) != (len(t.questions)+stretch-1)/stretch*sha256.Size {
		return trace{}, false
	}
	for d := range slices.Chunk(b, sha256.Size) {
		t.digests = append(t.digests, answer(d))
	}
	return t, true
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, t := range texts {
		b = appendText(b, t)
	}
	return b
}

func cutTexts(b []byte) (texts []string, rest []byte, ok bool) {
	count, size := binary.Uvarint(b)
	if size <= 0 || count > uint64(len(b)) {
		return nil, nil, false
	}
	b = b[size:]
	for range count {
		var text []byte
		if text, b, ok = cutText(b); !ok {
			return nil, nil, false
		}
		texts = append(texts, string(text))
	}
	return texts, b, true
}
