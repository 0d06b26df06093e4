package sbom

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
)

// Tool is who made a document, and how.
type Tool struct {
	Name          string
	Version       string
	Configuration any // encoded as JSON: what was done, and within which limits
}

// Write writes the document as syft JSON. The same image and tool give the same
// bytes. It holds 4 bytes for each file, and the gaps.
func (c *Catalogue) Write(ctx context.Context, w io.Writer, tool Tool, files Files, gaps ...Gap) error {
	out := &documentWriter{Writer: bufio.NewWriterSize(w, 64<<10), ctx: ctx, catalogue: c}
	err := out.document(tool, files, gaps)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("write syft document: %w", err)
	}
	return nil
}

type documentWriter struct {
	*bufio.Writer
	ctx       context.Context
	catalogue *Catalogue
	count     int // of the elements in the list
}

func (w *documentWriter) document(tool Tool, files Files, gaps []Gap) error {
	tail, err := w.catalogue.tail(tool)
	if err != nil {
		return err
	}
	var sorted []int32
	var beside sync.WaitGroup
	beside.Go(func() { sorted = order(files, w.catalogue.source.diffIDs()) })
	err = w.lists()
	beside.Wait()
	if err != nil {
		return err
	}
	if err := w.files(files, sorted, gaps); err != nil {
		return err
	}
	_, err = w.Write(tail)
	return err
}

// lists writes the packages and the relationships.
func (w *documentWriter) lists() error {
	w.begin(`{"artifacts":[`)
	if err := unpack(w.catalogue.packages, w.element); err != nil {
		return err
	}
	w.begin(`],"artifactRelationships":[`)
	if err := w.relations(); err != nil {
		return err
	}
	return w.WriteByte(']')
}

// begin begins a list.
func (w *documentWriter) begin(text string) {
	w.WriteString(text)
	w.count = 0
}

// element adds an element to the list.
func (w *documentWriter) element(text []byte) error {
	if w.count > 0 {
		w.WriteByte(',')
	}
	if w.count++; w.count%1024 == 0 && w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	_, err := w.Write(text)
	return err
}

// parentKey is how a relationship's JSON begins.
const parentKey = `{"parent":"`

// relations writes the relationships; those of the image itself come where its
// identity has them.
func (w *documentWriter) relations() error {
	id := []byte(w.catalogue.description.ID)
	done := false
	own := func() error {
		done = true
		text, err := newEncoder().encode(string(id))
		if err != nil {
			return err
		}
		head := slices.Concat([]byte(parentKey[:len(parentKey)-1]), text)
		var all []byte
		return unpack(w.catalogue.contained, func(rest []byte) error {
			rest, ok := bytes.CutPrefix(rest, []byte(parentKey+`"`))
			if !ok {
				return fmt.Errorf("%w: a relationship", errDamaged)
			}
			all = append(append(all[:0], head...), rest...)
			return w.element(all)
		})
	}
	err := unpack(w.catalogue.relations, func(text []byte) error {
		parent, ok := parentOf(text)
		if !ok {
			return fmt.Errorf("%w: a relationship", errDamaged)
		}
		if !done && bytes.Compare(id, parent) < 0 {
			if err := own(); err != nil {
				return err
			}
		}
		return w.element(text)
	})
	if err != nil || done {
		return err
	}
	return own()
}

// parentOf is the parent in a relationship's JSON.
func parentOf(text []byte) (parent []byte, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte(parentKey))
	if end := bytes.Index(rest, []byte(`","child":"`)); ok && end >= 0 {
		if parent = rest[:end]; bytes.IndexByte(parent, '\\') < 0 {
			return parent, true
		}
		var plain string
		err := json.Unmarshal(slices.Concat([]byte{'"'}, parent, []byte{'"'}), &plain)
		return []byte(plain), err == nil
	}
	return nil, false
}

// tail is what follows the files.
func (c *Catalogue) tail(tool Tool) ([]byte, error) {
	doc := syftjson.ToFormatModel(sbom.SBOM{
		Source:     c.description,
		Descriptor: sbom.Descriptor{Name: tool.Name, Version: tool.Version, Configuration: tool.Configuration},
	}, syftjson.DefaultEncoderConfig())
	doc.Distro = c.Distro
	enc := newEncoder()
	text, err := enc.encode(&doc)
	if err != nil {
		return nil, err
	}
	tail, ok := bytes.CutPrefix(text, []byte(`{"artifacts":[],"artifactRelationships":[]`))
	if !ok {
		return nil, errors.New("syft's documents begin with something else")
	}
	return append(bytes.Clone(tail), '\n'), nil
}

// files writes the files of the image, in syft's order as sorted has it, and those
// others that relationships and gaps name.
func (w *documentWriter) files(all Files, sorted []int32, gaps []Gap) error {
	compare := file.CoordinatesSorter(w.catalogue.source.diffIDs())
	apart := w.catalogue.apart(gaps)
	slices.SortFunc(apart, func(a, b remark) int { return compare(a.at, b.at) })
	w.count = 0
	rows := rowWriter{encoder: newEncoder()}
	add := func(text []byte) error {
		if w.count == 0 {
			w.WriteString(`,"files":[`)
		}
		return w.element(text)
	}
	var last file.Coordinates
	for _, n := range sorted {
		layer, path := all.At(int(n))
		at := file.Coordinates{RealPath: string(path), FileSystemID: layer}
		if w.count > 0 && at == last {
			continue // the path of a folder that a link replaced within its layer
		}
		last = at
		var said remark
		for len(apart) > 0 && compare(apart[0].at, at) <= 0 {
			next := apart[0]
			apart = apart[1:]
			if next.at == at {
				said = next
				break
			}
			if err := add(rows.row(next.at, nil, nil, next.unknowns())); err != nil {
				return err
			}
		}
		row := all.Row(int(n))
		var executable []byte
		if w.catalogue.executables[at] {
			executable = row.Executable.JSON
			said.executable = row.Executable.Unknown
		}
		if err := add(rows.row(at, &row, executable, said.unknowns())); err != nil {
			return err
		}
	}
	for _, left := range apart {
		if err := add(rows.row(left.at, nil, nil, left.unknowns())); err != nil {
			return err
		}
	}
	if w.count > 0 {
		w.WriteByte(']')
	}
	return nil
}

// order is the numbers of the files in syft's order: by layer, a layer that is
// there twice counting where it is last, then by path.
func order(all Files, layers []string) []int32 {
	ids := inOrder(layers)
	rank := map[string]int{}
	for n, id := range ids {
		rank[id] = n
	}
	type group struct {
		list   []int32
		last   []byte // path
		sorted bool
	}
	of := make([]group, len(ids)+1)
	for n := range all.Len() {
		layer, path := all.At(n)
		r, known := rank[layer]
		if !known {
			r = len(ids)
		}
		g := &of[r]
		g.sorted = len(g.list) == 0 || g.sorted && bytes.Compare(g.last, path) <= 0
		g.list, g.last = append(g.list, int32(n)), append(g.last[:0], path...)
	}
	byPath := func(a, b int32) int {
		_, first := all.At(int(a))
		_, second := all.At(int(b))
		return bytes.Compare(first, second)
	}
	var sorted []int32
	for r, g := range of {
		if !g.sorted {
			slices.SortStableFunc(g.list, byPath)
		}
		sorted = append(sorted, g.list...)
		of[r] = group{}
	}
	return sorted
}

// remark is what there is to say of a file beside what it is.
type remark struct {
	at         file.Coordinates
	reasons    []string
	executable string
}

// unknowns are the reasons, sorted, each once.
func (r remark) unknowns() []string {
	reasons := r.reasons
	if r.executable != "" {
		reasons = append(slices.Clone(reasons), r.executable)
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// apart are the files that there is something to say of beside what they are,
// and those that only relationships name.
func (c *Catalogue) apart(gaps []Gap) []remark {
	all := map[file.Coordinates][]string{}
	for _, at := range c.Apart {
		all[at] = nil
	}
	for _, u := range c.Unknowns {
		all[u.At] = append(all[u.At], u.Reasons...)
	}
	for _, g := range gaps {
		at := file.NewCoordinates(g.Path, g.Layer)
		all[at] = append(all[at], g.Reason)
	}
	var list []remark
	for at, reasons := range all {
		list = append(list, remark{at: at, reasons: reasons})
	}
	slices.SortFunc(list, func(a, b remark) int { return byText(a.at, b.at) })
	return list
}

// executableKinds are the kinds of content that syft looks into as executables.
func executableKinds() []string { return executableConfig().MIMETypes }
