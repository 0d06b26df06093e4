package layers

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"github.com/tidepole/tidepole/analysis/layers/ballast"
	"github.com/tidepole/tidepole/formats/fault"
)

// Options say what Read does beside taking digests.
type Options struct {
	Observers []Observer // may be none
	Budget    *Budget    // of the whole image; nil: the default limits, for this layer alone

	// Keep tells of contents that cataloguing does not ask for whether they are
	// to be kept all the same; nil: none.
	Keep func(path string) bool
}

const (
	// layerSlabs bound the memory of one reading: 4 MiB, beside the 1 MiB that is
	// read ahead. A file that is observed whole takes 5, those that are being
	// filled 2.
	layerSlabs = 16
	// sniffed is how many of a content's first bytes tell its kind: the limit of
	// the library that syft tells it by.
	sniffed = 4096
	// maxSparseKept is the size of a sparse file from which on it is kept only where
	// it is asked for: its holes cost an archive nothing.
	maxSparseKept = 64 << 20
)

// Read reads one layer's tar to the end of r, which must itself end with ctx. Where
// it fails, an r that has a method Abandon is told so: it may wait for its sender.
// The contents that cataloguing may ask for go into w while it goes, unless w is
// nil. It takes 5 MiB beside the index and what observers use.
//
// Faults: TooLarge where the budget is passed, naming the limit; Unsupported for
// a damaged tar. An error of r is returned as it is, and goes before the tar's.
func Read(ctx context.Context, r io.Reader, w *Writer, o Options) (x *Index, err error) {
	if o.Budget == nil {
		o.Budget = NewBudget(Limits{})
	}
	p := &pass{
		ctx: ctx, feed: newFeed(r), tally: tally{Budget: o.Budget}, index: &Index{}, keep: o.Keep,
		shelf: newShelf(layerSlabs), hash: sha256.New(),
	}
	defer func() {
		if a, ok := r.(interface{ Abandon() }); ok && err != nil {
			a.Abandon()
		}
		p.feed.close()
	}()
	if len(o.Observers) > 0 {
		p.audience = newAudience(ctx, o.Observers)
	}
	if w != nil {
		p.packer = newPacker(w)
	}
	err = p.run()
	if p.packer != nil {
		err = p.packer.finish(err)
	}
	if p.audience != nil {
		if crash := p.audience.leave(); err == nil {
			err = crash
		}
		if err == nil && ctx.Err() != nil { // they saw no more from then on
			err = context.Cause(ctx)
		}
	}
	if own := p.feed.failure(); own != nil {
		return nil, own
	}
	if err != nil {
		return nil, err
	}
	p.index.cost = p.tally.own
	p.index.trim()
	return p.index, nil
}

// pass is one reading of one layer.
type pass struct {
	ctx      context.Context
	feed     *feed
	tally    tally
	index    *Index
	shelf    *shelf
	audience *audience // nil without observers
	packer   *packer   // nil where nothing is kept
	keep     func(path string) bool
	hash     hash.Hash
	sum      [sha256.Size]byte
	spare    *slab // being filled with what is not kept
}

func (p *pass) run() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if p.spare != nil {
			p.spare.drop()
			p.spare = nil
		}
	}()
	if err := p.entries(); err != nil {
		return err
	}
	if p.audience != nil {
		p.audience.flush()
	}
	return p.feed.drain()
}

func (p *pass) entries() error {
	tr := tar.NewReader(p.feed)
	for ordinal := 0; ; ordinal++ {
		h, err := tr.Next()
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return p.feed.failure()
		default:
			return notTar(err)
		}
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		if err := p.entry(tr, h, ordinal); err != nil {
			return err
		}
	}
}

func (p *pass) entry(tr *tar.Reader, h *tar.Header, ordinal int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%q: panic: %v", clean(h.Name), r)
		}
	}()
	if err := p.tally.spend(h); err != nil {
		return err
	}
	e := Entry{
		Path: clean(h.Name), Link: h.Linkname, Type: h.Typeflag, Mode: h.Mode,
		UID: h.Uid, GID: h.Gid, Size: h.Size, ModTime: h.ModTime, Sparse: isSparse(h),
	}
	e.Regular = h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse
	var content io.Reader = tr
	switch {
	case e.Sparse && e.Regular: // what comes next in the stream may come after a hole
		head := make([]byte, min(h.Size, sniffed))
		if err := readAll(tr, head); err != nil {
			return fmt.Errorf("%q: %w", e.Path, notTar(err))
		}
		e.MIME = mimeOf(head)
		content = io.MultiReader(bytes.NewReader(head), tr)
	case h.Size > 0:
		// What comes next in the stream, be it the entry's own or not: so does syft.
		e.MIME = mimeOf(p.feed.peek(int(min(h.Size, sniffed))))
	}
	if e.Regular {
		if err := p.content(content, &e, ordinal); err != nil {
			return fmt.Errorf("%q: %w", e.Path, notTar(err))
		}
	}
	p.index.Add(e)
	return nil
}

// content takes the digest of a file, has it observed and keeps it.
func (p *pass) content(r io.Reader, e *Entry, ordinal int) error {
	if e.Sparse {
		if err := p.tally.hole(e.Size); err != nil {
			return err
		}
	}
	whiteout := strings.HasPrefix(path.Base(e.Path), ".wh.")
	e.Kept = p.packer != nil && !whiteout && p.worthKeeping(e)
	if e.Size == 0 {
		e.Digest = sha256.Sum256(nil)
		return nil
	}
	if p.audience == nil || whiteout {
		return p.pour(r, e, nil)
	}
	announced := *e // what is shown is the same for long files and short ones
	p.audience.begin(announced, ordinal)
	err := errBroken
	defer func() { p.audience.end(announced, ordinal, err) }() // whatever happens, so that nobody waits for more
	err = p.pour(r, e, p.audience)
	return err
}

var errBroken = errors.New("reading it was broken off")

func (p *pass) worthKeeping(e *Entry) bool {
	if p.keep != nil && p.keep(e.Path) {
		return true
	}
	if e.Sparse && e.Size > maxSparseKept {
		return false
	}
	return e.Size == 0 || executables[e.MIME] || !ballast.Is(e.Path)
}

// executables are the kinds of content that syft looks into whatever the name.
var executables = map[string]bool{
	"application/x-executable": true, "application/x-mach-binary": true, "application/x-elf": true,
	"application/x-sharedlib": true, "application/vnd.microsoft.portable-executable": true,
}

// firm are the kinds of content that packing does not pay for: programs, which
// become little more than a half of what they were, at three times the time of
// text, and what is packed already.
var firm = map[string]bool{
	"application/x-executable": true, "application/x-mach-binary": true, "application/x-elf": true,
	"application/x-sharedlib": true, "application/x-object": true, "application/vnd.microsoft.portable-executable": true,
	"application/jar": true, "application/zip": true, "application/gzip": true, "application/x-xz": true, "application/zstd": true,
}

// pour reads a file into slabs, from where all that is done with it is done.
func (p *pass) pour(r io.Reader, e *Entry, to *audience) error {
	whole := false
	for left := e.Size; left > 0; {
		if p.ctx.Err() != nil { // holes come from nowhere that would end with it
			return context.Cause(p.ctx)
		}
		b, err := p.vessel(e.Kept)
		if err != nil {
			return err
		}
		data := b.data[b.used:min(int64(blockSize), int64(b.used)+left)]
		if err := readAll(r, data); err != nil {
			return err
		}
		b.used += len(data)
		if firm[e.MIME] {
			b.firm += len(data)
		}
		if whole = int64(len(data)) == e.Size; whole {
			e.Digest = sha256.Sum256(data)
		} else {
			if left == e.Size {
				p.hash.Reset()
			}
			p.hash.Write(data)
		}
		left -= int64(len(data))
		if to != nil {
			to.add(b, data)
		}
	}
	if !whole {
		p.hash.Sum(p.sum[:0])
		e.Digest = p.sum
	}
	return nil
}

// readAll fills p: that there is nothing is as wrong as that there is too little.
func readAll(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// vessel is the slab to fill next.
func (p *pass) vessel(keep bool) (b *slab, err error) {
	current := &p.spare
	if keep {
		current = &p.packer.current
	}
	switch b = *current; {
	case b == nil:
	case !keep && p.audience == nil:
		b.used = 0 // nobody else reads it
		return b, nil
	case b.used < blockSize:
		return b, nil
	case keep:
		err = p.packer.send()
	default:
		b.drop()
	}
	*current = nil
	if err != nil {
		return nil, err
	}
	if p.audience != nil {
		p.audience.flush() // who waits for a slab holds none that others wait for
	}
	*current, err = p.shelf.take(p.ctx)
	return *current, err
}

// mimeOf is the kind of content that syft tells by its first bytes.
func mimeOf(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return kind
}

// clean is path.Clean("/"+name), for the most part without its work.
func clean(name string) string {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	start := 0 // of an element
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		switch name[start:i] {
		case "", ".", "..":
			if i > 0 || len(name) == 0 {
				return path.Clean("/" + name)
			}
		}
		start = i + 1
	}
	if name[0] == '/' {
		return name
	}
	return "/" + name
}

// notTar says of a tar reader's complaint what it means.
func notTar(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Unsupported, "its tar is damaged: %w", err)
	}
	return err
}
