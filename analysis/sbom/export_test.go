package sbom

import (
	"context"
	"crypto/sha256"

	"github.com/anchore/syft/syft/file"
)

// Packages is the number of packages.
func (c *Catalogue) Packages() int { return c.sections.Packages }

// Watch is a resolver as catalogers are given it.
func Watch(ctx context.Context, r file.Resolver) file.Resolver {
	return &watched{Resolver: r, ctx: ctx}
}

// Identity is the fast identity of coordinates, in hex.
func Identity(c file.Coordinates) string { return string(appendHex(nil, uint64(identity(c)))) }

// RowJSON is what is written of a file.
func RowJSON(at file.Coordinates, r *Row, executable []byte, unknowns []string) string {
	w := rowWriter{encoder: newEncoder()}
	return string(w.row(at, r, executable, unknowns))
}

// ParseEntry tells whether an entry can be read, and writes it anew.
func ParseEntry(data []byte) ([]byte, error) {
	e, err := parseEntry(data)
	if err != nil {
		return nil, err
	}
	return e.encode()
}

// SignEntry gives data the digest that an entry ends with.
func SignEntry(data []byte) []byte {
	sum := sha256.Sum256(data)
	return append(data[:len(data):len(data)], sum[:]...)
}

// Questions passes questions through their text, and through a trace.
func Questions(kind byte, what ...string) (byte, []string, bool) {
	return parseQuestion(question(kind, what...))
}

// Trace passes questions through a trace as it is kept.
func Trace(questions, layers []string) ([]string, []string, bool) {
	t := trace{questions: questions, layers: layers, called: layers, digests: make([]answer, (len(questions)+stretch-1)/stretch)}
	back, ok := cutTrace(t.append(nil))
	return back.questions, back.layers, ok
}

// CutTrace reads a trace that may be anything.
func CutTrace(b []byte) bool {
	t, ok := cutTrace(b)
	if !ok {
		return false
	}
	_, ok = cutTrace(t.append(nil))
	return ok
}
