package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// export is what a daemon saved, read once and while it comes: an fs.FS that
// holds the small files, and of the layers what they turned out to be.
type export struct {
	pass   *pass
	limits Limits
	report func(n int64, done bool)

	diffIDs []string           // expected
	names   map[string]v1.Hash // the same, by what files are called that hold them
	chain   []string           // see chain

	files  map[string]exported
	held   int64
	layers int
	budget *budget
	slots  chan struct{}
	group  *errgroup.Group
	cancel context.CancelCauseFunc
	in     *counted
	count  int // entries so far
}

// exported is a file of an export: held in memory, or passed on, or a link.
type exported struct {
	entry
	data   []byte
	passed *passed // nil where it is held
}

// passed is what is known of a file that was passed on and not kept.
type passed struct {
	digest   v1.Hash // as stored
	diffID   v1.Hash // the zero Hash where it is no layer
	unpacked int64   // bytes
}

// heldFiles bounds what is held of an export, in files of the longest length.
const heldFiles = 8

// exported reads the export that open gives, and finds the image in it.
func (p *pass) exported(ctx context.Context, expected []string, open func(context.Context) (io.ReadCloser, error)) (*place, *picture, error) {
	x := p.newExport(expected)
	if err := x.read(ctx, open); err != nil {
		return nil, nil, err
	}
	at, err := p.visit.findInSaved(ctx, x, "")
	if err != nil {
		return nil, nil, fmt.Errorf("what was saved: %w", err)
	}
	pic, err := newPicture(ctx, p.visit, at)
	if err != nil {
		return nil, nil, err
	}
	return at, pic, x.complete(ctx, pic.layers)
}

// newExport prepares for an export. expected are the diff IDs that the image is
// said to have; they need not be right.
func (p *pass) newExport(expected []string) *export {
	v := p.visit
	x := &export{
		pass: p, limits: v.Options.Limits, diffIDs: expected, chain: chain(expected), names: map[string]v1.Hash{}, files: map[string]exported{},
		budget: newBudget(v.Options.Limits.MaxImageBytes, v.Options.Limits.MaxLayers), slots: make(chan struct{}, p.AtOnce),
		report: func(n int64, done bool) { v.report(Progress{Stage: "pull", Done: n, Finished: done}) },
	}
	for _, diffID := range expected {
		if h, err := v1.NewHash(diffID); err == nil && h.Algorithm == "sha256" {
			x.names[h.Hex] = h
		}
	}
	return x
}

// read reads the export that open gives to its end, and has the layers in it
// read.
func (x *export) read(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, ctx := errgroup.WithContext(ctx)
	x.group, x.cancel = group, cancel
	group.Go(func() error {
		from, err := open(ctx)
		if err != nil {
			return err
		}
		defer from.Close()
		return x.walk(ctx, from)
	})
	return group.Wait()
}

func (x *export) walk(ctx context.Context, from io.Reader) error {
	limit := x.limits.MaxImageBytes
	x.in = &counted{ctx: ctx, report: x.report, from: &capped{from, limit + archiveOverhead, limit}}
	tr := tar.NewReader(x.in)
	head := bufio.NewReaderSize(nil, 1024)
	for ; ; x.count++ {
		h, err := tr.Next()
		if err == io.EOF {
			x.report(x.in.n, true)
			return nil
		}
		if err != nil {
			return x.unsound(err, x.count)
		}
		if x.count >= x.limits.MaxArchived {
			return tooManyArchived(x.limits.MaxArchived)
		}
		name, e, err := entryOf(h)
		if err != nil {
			return err
		}
		if err := x.room(int64(len(h.Name) + len(h.Linkname))); err != nil {
			return err
		}
		switch {
		case e == nil:
		case e.link != "":
			x.files[name] = exported{entry: *e}
		default:
			head.Reset(tr)
			if err := x.file(ctx, name, *e, head); err != nil {
				return err
			}
		}
	}
}

// capped fails beyond a number of bytes.
type capped struct {
	io.Reader
	left  int64
	limit int64 // for people
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, tooLarge(c.limit)
	}
	return n, err
}

// unsound says why the export cannot be read on after so many entries.
func (x *export) unsound(err error, entries int) error {
	if x.in.failed != nil && fault.Of(err) != fault.Internal {
		return x.in.failed
	}
	return unsound(err, entries)
}

// file takes in one file: a layer is passed on whatever its size, and whoever
// reads it keeps the pace; of the rest, what is short enough is held.
func (x *export) file(ctx context.Context, name string, e entry, from *bufio.Reader) error {
	head, err := from.Peek(512)
	if err != nil && err != io.EOF {
		return x.unsound(err, x.count+1)
	}
	switch {
	case isDocument(name):
		return x.hold(name, e, from)
	case isPackedOrTar(head):
		return x.layer(ctx, name, e, from)
	case e.size <= x.limits.MaxManifestBytes:
		return x.hold(name, e, from)
	}
	x.files[name] = exported{entry: e, passed: &passed{}} // nothing that could be asked for
	return nil
}

// isDocument tells the names of files that are no layers.
func isDocument(name string) bool {
	return slices.Contains([]string{"manifest.json", "index.json", "oci-layout", "repositories"}, name)
}

// isPackedOrTar tells a file that may be a layer by its first 512 bytes.
func isPackedOrTar(head []byte) bool {
	form, err := formOf(bufio.NewReader(bytes.NewReader(head)))
	return err == nil && form != plain || isTar(head)
}

// isTar tells a tar header by its checksum, which old ones have as well, and the
// end of a tar file that is empty.
func isTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	sum, blank := int64(0), true
	for i, c := range head[:512] {
		blank = blank && c == 0
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	return blank || err == nil && sum == want
}

// room counts what is kept in memory.
func (x *export) room(bytes int64) error {
	most := heldFiles * x.limits.MaxManifestBytes
	if x.held += bytes; x.held > most {
		return fault.New(fault.TooLarge, "the archive holds more than %d bytes beside its layers, a limit that is fixed", most)
	}
	return nil
}

func (x *export) hold(name string, e entry, from io.Reader) error {
	if e.size > x.limits.MaxManifestBytes {
		return fault.New(fault.TooLarge, "its %s is longer than %d bytes, a limit that is fixed", printable(name), x.limits.MaxManifestBytes)
	}
	if err := x.room(e.size); err != nil {
		return err
	}
	data := make([]byte, e.size)
	if _, err := io.ReadFull(from, data); err != nil {
		return x.unsound(err, x.count+1)
	}
	x.files[name] = exported{entry: e, data: data}
	return nil
}

// layer passes on what may be a layer.
func (x *export) layer(ctx context.Context, name string, e entry, from *bufio.Reader) error {
	if x.layers++; x.layers > x.limits.MaxLayers {
		return tooManyLayers("the archive holds more than %d layers", x.limits.MaxLayers)
	}
	index := x.layers - 1
	seen := &passed{}
	x.files[name] = exported{entry: e, passed: seen}
	a := &arriving{export: x, from: from, sum: newSum()}
	s := &stream{
		what: "layer " + printable(name), wide: x.pass.wide,
		spend: func(n int64) error { return x.budget.spend(index, n) },
	}
	do := x.pass.Layer
	if h, ok := x.expected(name); ok && x.pass.Have(h.String()) {
		s.want = h
		do = func(context.Context, Stream) error { return nil } // it is verified all the same
	}
	select {
	case x.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fetch, err := s.start(ctx, a)
	if err != nil {
		<-x.slots
		return err
	}
	x.group.Go(func() error {
		defer func() { <-x.slots }()
		defer s.close()
		if err := x.pass.have(ctx, s, do); err != nil {
			x.cancel(err) // or the daemon would be waited for
			return err
		}
		seen.diffID, seen.unpacked = s.diffID, s.size
		return nil
	})
	fetch()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	seen.digest = a.hash()
	return a.failed
}

// expected is the diff ID of the layer in the file of that name, by what is
// known before it comes.
func (x *export) expected(name string) (v1.Hash, bool) {
	for part := range strings.SplitSeq(name, "/") {
		if h, ok := x.names[strings.TrimSuffix(part, ".tar")]; ok {
			return h, true
		}
	}
	if h, ok := x.legacy(name); ok {
		return h, true
	}
	return x.known(name)
}

// known is the diff ID of the layer in the file of that name, where that is the
// digest of a packed layer that was seen before.
func (x *export) known(name string) (v1.Hash, bool) {
	hex := path.Base(name)
	if !isHex(hex) {
		return v1.Hash{}, false
	}
	data, ok := x.pass.recall(packedKey(v1.Hash{Algorithm: "sha256", Hex: hex}))
	if !ok {
		return v1.Hash{}, false
	}
	h, err := v1.NewHash(string(data))
	return h, err == nil && h.Algorithm == "sha256"
}

// packedKey is what the diff ID of a packed layer is remembered by.
func packedKey(digest v1.Hash) string { return "packed layer " + digest.String() }

// arriving is a file of an export while it comes.
type arriving struct {
	export *export
	from   io.Reader
	sum    *sum
	failed error
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	a.sum.add(p[:n])
	if err != nil && err != io.EOF {
		a.failed = a.export.unsound(err, a.export.count+1)
		err = a.failed
	}
	return n, err
}

func (a *arriving) hash() v1.Hash { return a.sum.hash() }

// Open gives a file that is held, or what is known of another, by way of links
// if need be.
func (x *export) Open(name string) (fs.File, error) {
	at := name
	for range maxLinks {
		f, ok := x.files[at]
		if !ok {
			break
		}
		if f.link != "" {
			at = f.link
			continue
		}
		if f.passed != nil {
			return &passedFile{tarFile{io.NewSectionReader(nothing{}, 0, f.size), name, f.size}, f.passed}, nil
		}
		return &tarFile{io.NewSectionReader(bytes.NewReader(f.data), 0, f.size), name, f.size}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// unpackedSize is the size, unpacked, of a layer.
func (x *export) unpackedSize(name string) (int64, error) {
	clean, err := inside(name, ".")
	if err != nil {
		return 0, err
	}
	r, err := openBlob(x, clean)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	switch f := r.(type) {
	case *passedFile:
		return f.unpacked, nil
	case *tarFile:
		return f.size, nil // short and not packed: it was held
	}
	return 0, fault.New(fault.Internal, "layer %s is neither passed on nor held", printable(name))
}

// passedFile is a file that was passed on: it cannot be read again.
type passedFile struct {
	tarFile
	*passed
}

// nothing is where a file was.
type nothing struct{}

func (nothing) ReadAt([]byte, int64) (int, error) {
	return 0, fault.New(fault.Unsupported, "it is a layer, or longer than a manifest or a configuration may be, a limit that is fixed")
}

// complete verifies that the layers of the image were in the export, and has
// those read that were held.
func (x *export) complete(ctx context.Context, all []*layer) error {
	var rest []*layer
	for _, l := range all {
		r, err := l.open(ctx, l.desc)
		if err != nil {
			return within("read layer "+l.desc.Digest.String(), err)
		}
		f, ok := r.(*passedFile)
		if !ok {
			rest = append(rest, l)
			continue
		}
		if err := f.is(l); err != nil {
			return err
		}
		if _, ok := x.expected(l.desc.Digest.Hex); !ok && f.digest == l.desc.Digest {
			x.pass.remember(packedKey(f.digest), []byte(f.diffID.String()))
		}
	}
	return x.pass.each(ctx, x.pass.unread(rest), x.pass.Layer)
}

// is tells whether what was passed on was the layer.
func (f *passedFile) is(l *layer) error {
	what := "layer " + l.desc.Digest.String()
	switch {
	case f.diffID.Hex == "":
		return fault.New(fault.Unsupported, "unpack %s: its %s is no tar file, neither packed nor plain", what, printable(path.Clean(f.name)))
	case !l.loose && f.digest != l.desc.Digest:
		return mismatch(what, l.desc.Digest, f.digest)
	case f.diffID != l.diffID:
		return mismatch(what+", unpacked,", l.diffID, f.diffID)
	}
	return nil
}
