package analysis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/tree"
	"github.com/tidepole/tidepole/formats/fault"
)

// The kinds of what an analysis keeps in its cache.
const (
	layerKind  = "layer"  // a layer's record, by its diff ID
	bundleKind = "bundle" // an image's evidence, by all that it follows from
	exportKind = "export" // what an export told of a daemon's image, by its ID
)

// The attachments of a record.
const (
	searchesName    = "searches"    // what was found in contents
	executablesName = "executables" // what was found out of executables
	besideName      = "beside"      // which contents lie in an entry of their own
)

// layer is a layer that was read, now or earlier.
type layer struct {
	id          string // diff ID
	record      *layers.Record
	blob        cache.Blob
	executables *sbom.Findings
	hidden      *aside // contents with secrets, for this time alone; nil: none
	beside      *aside // contents that lay beside those; nil: none

	lost sync.Once // the record and what lies beside it are no longer kept

	// What is the reading's to lock.
	reread bool // it was read once more, for contents that its record lacks
	more   *layer
	err    error
}

// searches is what a layer's searches found; nil: not searched.
type searches struct {
	Secrets  *found `json:"secrets,omitempty"`
	Contents *found `json:"contents,omitempty"`
}

// Searches by the names that gaps have them under.
const (
	secretSearch  = "secret search"
	contentSearch = "content search"
)

func (l *layer) index() *layers.Index { return l.record.Index() }

// close closes what the layer lies in.
func (l *layer) close() error {
	err := errors.Join(l.hidden.close(), l.beside.close())
	if l.blob != nil {
		err = errors.Join(err, l.blob.Close())
	}
	return err
}

// reading is one reading of an image: its layers come from the cache, or from
// the image, and are then in the cache.
type reading struct {
	req         Request
	o           Options
	img         *image.Image
	fingerprint string         // of all that a layer's record follows from beside the layer
	keeps       bool           // something outlives the analysis
	kept        cache.Store    // what does, or spill
	spill       *cache.Scratch // what does not
	budget      *layers.Budget
	asides      atomic.Int64
	first       sync.Once // layer is read, or about to be

	mu      sync.Mutex
	have    map[string]*layer // by diff ID
	open    []*layer          // all there are, to be closed
	damaged map[string]error  // by diff ID: why a record could not be read
	failed  error             // why a content could not be had
	wanted  map[string]*layer // by diff ID: those to be read once more

	turn   sync.Mutex // held by who reads layers once more
	rounds int        // how often that was done
}

func newReading(req Request, o Options, img *image.Image) *reading {
	spill := cache.Temporary(o.TempDir).Within(o.Quota)
	r := &reading{
		req: req, o: o, img: img, fingerprint: o.fingerprint(), keeps: o.Cache != nil, kept: o.Cache, spill: spill,
		have: map[string]*layer{}, damaged: map[string]error{}, wanted: map[string]*layer{},
	}
	if !r.keeps {
		r.kept = spill
	}
	r.budget = r.newBudget()
	return r
}

func (r *reading) newBudget() *layers.Budget {
	return layers.NewBudget(layers.Limits{Entries: r.o.MaxEntries, ImageBytes: r.req.Image.Options.Limits.MaxImageBytes})
}

// layerKey is the name of a layer's record.
func (r *reading) layerKey(diffID string) string { return keyOf(r.fingerprint, diffID) }

// read reads what the cache does not have, and gives the image's layers, the
// lowest first.
func (r *reading) read(ctx context.Context) ([]*layer, error) {
	kept := func(diffID string) bool { return touch(ctx, r.kept, layerKind, r.layerKey(diffID)) }
	if r.img.Exported() && !slices.ContainsFunc(r.img.DiffIDs(), kept) {
		r.prepare() // the daemon takes its time until the first layer comes
	}
	err := r.img.Read(ctx, image.Reading{
		Have:     func(diffID string) bool { return r.find(ctx, diffID) },
		Layer:    func(ctx context.Context, s image.Stream) error { return r.layer(ctx, s) },
		Remember: exports{ctx, r.kept},
	})
	if err != nil {
		return nil, err
	}
	var all []*layer
	for _, id := range r.img.DiffIDs() {
		l := r.have[id]
		if l == nil {
			return nil, fmt.Errorf("layer %s was not read", id)
		}
		all = append(all, l)
	}
	return all, nil
}

// find tells whether the cache has a layer, and opens it. What is damaged is
// removed, and read again.
func (r *reading) find(ctx context.Context, diffID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have[diffID] != nil {
		return true
	}
	blob, err := r.kept.Get(ctx, layerKind, r.layerKey(diffID))
	if err != nil {
		return false
	}
	l, err := openLayer(diffID, blob)
	if err != nil {
		blob.Close()
		_ = r.kept.Remove(ctx, layerKind, r.layerKey(diffID))
		return false
	}
	if r.budget.Count(l.index()) != nil {
		blob.Close()
		return false // reading it meets the limit, too, and says so
	}
	if data, ok := l.record.Attachment(besideName); ok {
		l.beside = r.openBeside(ctx, data, r.besideKey(diffID))
	}
	r.add(l)
	return true
}

// besideKey is the name of what lay beside a layer's secrets.
func (r *reading) besideKey(diffID string) string { return keyOf(r.fingerprint, diffID, besideName) }

func (r *reading) add(l *layer) {
	r.have[l.id] = l
	r.open = append(r.open, l)
}

// openLayer opens a record.
func openLayer(diffID string, blob cache.Blob) (*layer, error) {
	record, err := layers.OpenRecord(blob, blob.Size())
	if err != nil {
		return nil, err
	}
	l := &layer{id: diffID, record: record, blob: blob}
	if !slices.Contains(record.Attachments(), searchesName) {
		return nil, errors.New("the record lacks what was found")
	}
	if data, ok := record.Attachment(executablesName); !ok {
		return nil, errors.New("the record lacks what was found out of executables")
	} else if l.executables, err = sbom.ReadExecutables(data); err != nil {
		return nil, err
	}
	return l, nil
}

// prepare has made, beside, what cataloguing needs and takes long to make.
func (r *reading) prepare() {
	r.first.Do(func() {
		if !r.knowsSome() { // else what needs it may be remembered, too
			go quietly(sbom.Prepare)
		}
	})
}

// layer reads a layer into a record.
func (r *reading) layer(ctx context.Context, s image.Stream) error {
	r.prepare()
	secrets, contents := newSearch(secretSearch, r.o.Secrets), newSearch(contentSearch, r.o.Content)
	marks := &sbom.Marks{}
	l, err := r.record(ctx, r.kept, s, layers.Options{
		Observers: append(observers(secrets, contents), marks.Observe), Budget: r.budget, Keep: r.o.retrieves,
	}, marks, func() searches { return searches{secrets.result(), contents.result()} })
	if err != nil {
		return r.named(s.DiffID(), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have[l.id] != nil {
		return l.close()
	}
	r.add(l)
	return nil
}

// knowsSome tells whether some layers were in the cache.
func (r *reading) knowsSome() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.have) > 0
}

// quietly keeps a panic of do from ending the process: what was to be prepared
// is met again where it is needed.
func quietly(do func()) {
	defer func() { _ = recover() }()
	do()
}

// named says in which layer something went wrong.
func (r *reading) named(diffID string, err error) error {
	ids := r.img.DiffIDs()
	at := slices.Index(ids, diffID)
	if at < 0 {
		return err
	}
	named := fault.New(fault.Of(err), "read layer %d of %d (%s): %w", at+1, len(ids), diffID, err)
	named.Hint = fault.Hint(err)
	return named
}

// record reads a layer's tar into a store; what was found is attached.
func (r *reading) record(ctx context.Context, to cache.Store, s image.Stream, o layers.Options, marks *sbom.Marks, found func() searches) (*layer, error) {
	p, err := to.Create(ctx, layerKind)
	if err != nil {
		return nil, err
	}
	l, err := r.fill(ctx, p, s, o, marks, found)
	if err != nil {
		return nil, errors.Join(err, p.Discard())
	}
	return l, nil
}

func (r *reading) fill(ctx context.Context, p cache.Pending, s image.Stream, o layers.Options, marks *sbom.Marks, search func() searches) (*layer, error) {
	w := layers.NewWriter(p)
	x, err := layers.Read(ctx, s, w, o)
	if err != nil {
		return nil, err
	}
	found := search()
	data, err := json.Marshal(found)
	if err != nil {
		return nil, err
	}
	w.Attach(searchesName, data)
	if data, err = executables(ctx, w, x, marks, p); err != nil {
		return nil, err
	}
	w.Attach(executablesName, data)
	hidden, beside, err := r.withhold(ctx, w, x, p, found.Secrets)
	if err != nil {
		return nil, err
	}
	l := &layer{hidden: hidden, beside: beside}
	if data, err = beside.attachment(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	w.Attach(besideName, data)
	if err := w.Finish(x); err != nil {
		return nil, errors.Join(err, l.close())
	}
	if err := errors.Join(hidden.commit(fmt.Sprintf("hidden-%08d", r.asides.Add(1))), beside.commit(r.besideKey(s.DiffID()))); err != nil {
		return nil, errors.Join(err, l.close())
	}
	blob, err := p.Commit(r.layerKey(s.DiffID()))
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	opened, err := openLayer(s.DiffID(), blob)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read back what was kept: %w: %w", errDamaged, err), blob.Close(), l.close())
	}
	opened.hidden, opened.beside = hidden, beside
	return opened, nil
}

// executables looks into the executables of a layer whose contents w has written.
// That one cannot be read back must not become what is known of it.
func executables(ctx context.Context, w *layers.Writer, x *layers.Index, marks *sbom.Marks, written io.ReaderAt) ([]byte, error) {
	contents, err := w.Contents(x, written)
	if err != nil {
		return nil, err
	}
	var failed firstError
	found, err := sbom.Executables(ctx, x, marks, func(ordinal int) (io.ReadCloser, error) {
		c, ok := contents.Content(ordinal)
		if !ok {
			return nil, fs.ErrNotExist
		}
		return watched{c, failed.note}, nil
	})
	if err := failed.get(); err != nil {
		return nil, fmt.Errorf("look into executables: %w", err)
	}
	return found, err
}

// firstError keeps the first of some errors.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// content opens what an entry holds. A record lacks what cataloguers are not
// known to ask for; for such a content the layer is read once more, and all of
// it kept until the analysis ends.
func (r *reading) content(all []*layer) tree.Open {
	return func(ctx context.Context, at tree.Place) (tree.Content, error) {
		l := all[at.Layer]
		if c, ok := l.record.Content(at.Ordinal); ok {
			return r.watch(c, l.id), nil
		}
		for _, a := range []*aside{l.hidden, l.beside} {
			if c, ok := a.content(at.Ordinal); ok {
				return r.watch(c, l.id), nil
			}
		}
		if l.beside.has(at.Ordinal) { // and could not give it
			l.lost.Do(func() { r.forget(ctx, l) })
		}
		more, err := r.more(ctx, l)
		if err != nil && ctx.Err() != nil { // something else failed, which says more
			return nil, err
		}
		if err != nil {
			r.fail(fmt.Errorf("read layer %s once more, for %q: %w", l.id, l.index().Path(at.Ordinal), err))
			return nil, err
		}
		c, ok := more.record.Content(at.Ordinal)
		if !ok {
			return nil, fs.ErrNotExist
		}
		return r.watch(c, l.id), nil
	}
}

// found is what the searches found in a layer. It is not kept in memory: of all
// layers of an image that may be much.
func (r *reading) found(l *layer) (s searches, err error) {
	data, ok := l.record.Attachment(searchesName)
	if !ok {
		err = errors.New("what was found in it cannot be read")
	} else {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		r.damage(l.id, err)
		return s, fmt.Errorf("layer %s: %w: %w", l.id, errDamaged, err)
	}
	return s, nil
}

// errDamaged is the error of an analysis that could not read what it had kept.
var errDamaged = errors.New("what was kept of a layer is damaged")

// watched is a content whose reader may take an error for the end of it: that the
// record is damaged must not pass for a file without packages.
type watched struct {
	layers.Content
	tell func(error)
}

// Read reads on.
func (w watched) Read(p []byte) (int, error) {
	n, err := w.Content.Read(p)
	return n, w.note(err)
}

// ReadAt reads from there.
func (w watched) ReadAt(p []byte, at int64) (int, error) {
	n, err := w.Content.ReadAt(p, at)
	if at < 0 {
		return n, err
	}
	return n, w.note(err)
}

// note tells of all but the content's end, which no content has before its size.
func (w watched) note(err error) error {
	if err != nil && err != io.EOF {
		w.tell(err)
	}
	return err
}

// watch has a content of a layer watched.
func (r *reading) watch(c layers.Content, layer string) tree.Content {
	return watched{c, func(err error) { r.damage(layer, err) }}
}

// damage notes that what was kept of a layer cannot be read.
func (r *reading) damage(layer string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.damaged[layer] = err
}

// fail notes why a content could not be had: a cataloger may take that for a file
// without packages.
func (r *reading) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
}

// broken is why a content or a record could not be read; nil where all could.
func (r *reading) broken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	for id, err := range r.damaged {
		return fmt.Errorf("layer %s: %w: %w", id, errDamaged, err)
	}
	return nil
}

// repair is broken, and removes such records, so that they are made again.
func (r *reading) repair(ctx context.Context) error {
	err := r.broken()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.damaged {
		r.forget(ctx, r.have[id])
	}
	return err
}

// explained is why an analysis failed with err: what could not be read comes
// before what a cataloguer made of it.
func (r *reading) explained(ctx context.Context, err error) error {
	damage := r.repair(ctx)
	if damage == nil || ctx.Err() != nil {
		return errors.Join(damage, err)
	}
	return damage
}

// forget removes what is kept of a layer.
func (r *reading) forget(ctx context.Context, l *layer) {
	ctx = context.WithoutCancel(ctx)
	_ = r.kept.Remove(ctx, layerKind, r.layerKey(l.id))
	if l.beside != nil && l.beside.blob != nil {
		_ = r.kept.Remove(ctx, layerKind, r.besideKey(l.id))
	}
}

// more is a layer with all of its contents. The layers that are asked for while
// others are read once more are then read together.
func (r *reading) more(ctx context.Context, l *layer) (*layer, error) {
	if more, ok, err := r.isMore(l); ok {
		return more, err
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	if more, ok, err := r.isMore(l); ok {
		return more, err
	}
	r.again(ctx)
	more, _, err := r.isMore(l)
	return more, err
}

// isMore is a layer that was read once more. One that was not is wanted.
func (r *reading) isMore(l *layer) (more *layer, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !l.reread {
		r.wanted[l.id] = l
	}
	return l.more, l.reread, l.err
}

// again reads the layers that are wanted once more, and keeps all of their
// contents. What a daemon exports as a whole is read thus twice at most: the second
// time all layers are kept.
func (r *reading) again(ctx context.Context) {
	r.mu.Lock()
	todo := r.wanted
	r.wanted = map[string]*layer{}
	if r.rounds++; r.rounds > 1 && r.img.Exported() {
		for id, l := range r.have {
			if !l.reread {
				todo[id] = l
			}
		}
	}
	r.mu.Unlock()
	got := map[string]*layer{}
	err := r.img.Read(ctx, image.Reading{
		Have:     func(id string) bool { return todo[id] == nil },
		Remember: exports{ctx, r.kept},
		Layer: func(ctx context.Context, s image.Stream) error {
			read, err := r.record(ctx, r.spill, s, layers.Options{Budget: r.newBudget(), Keep: func(string) bool { return true }}, nil,
				func() searches { return searches{} })
			if err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if todo[read.id] == nil || got[read.id] != nil { // only its end told which it is
				return errors.Join(read.close(), r.spill.Remove(ctx, layerKind, r.layerKey(read.id)))
			}
			got[read.id] = read
			r.open = append(r.open, read)
			return nil
		},
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, l := range todo {
		l.reread, l.more = true, got[id]
		if l.more == nil {
			l.err = cmp.Or(err, fmt.Errorf("layer %s was not read", id))
		}
	}
}

// close closes the records, and removes what was kept for this time alone.
func (r *reading) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, l := range r.open {
		errs = append(errs, l.close())
	}
	r.open = nil
	return errors.Join(append(errs, r.spill.Close())...)
}
