package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/formats/bundle"
)

// key says all that the bundle follows from; "" while that is not known, and
// where nothing is kept.
func (r *reading) key() string {
	if r.img.Digest == "" || !r.keeps {
		return ""
	}
	data, err := json.Marshal(struct {
		image.Identity
		Source, Name, Reference string
		Dockerfile              []byte
		Annotations             map[string]string
		Retrieve                int64
		Tool                    string
		Entries                 int
		Limits                  image.Limits
	}{r.img.Identity, r.img.Source, r.req.Name, r.req.Image.Reference, r.req.Dockerfile, r.req.Annotations, r.o.RetrieveMaxSize, r.o.Tool,
		r.o.MaxEntries, r.req.Image.Options.Limits})
	if err != nil {
		return ""
	}
	return keyOf(r.fingerprint, string(data))
}

// recall gives the bundle of the same image, analysed before in the same way, if
// there is one that is whole; the caller closes it.
func (r *reading) recall(ctx context.Context) *bundle.Bundle {
	key := r.key()
	if key == "" {
		return nil
	}
	blob, err := r.kept.Get(ctx, bundleKind, key)
	if err != nil {
		return nil
	}
	b, err := bundle.OpenFile(blob, blob.Size())
	if err != nil {
		_ = r.kept.Remove(ctx, bundleKind, key)
		return nil
	}
	r.touch(ctx)
	return b
}

// touch notes that the entries of the image's layers were used, with the evidence
// that was taken from them: the next version of the image has most of them, too.
func (r *reading) touch(ctx context.Context) {
	ids := r.img.DiffIDs()
	for _, id := range ids {
		touch(ctx, r.kept, layerKind, r.layerKey(id))
		touch(ctx, r.kept, layerKind, r.besideKey(id))
	}
	for kind, key := range r.memory().Entries(ids) {
		touch(ctx, r.kept, kind, key)
	}
}

// touch notes that an entry was used, if there is one, and tells whether there is.
func touch(ctx context.Context, in cache.Store, kind, key string) bool {
	blob, err := in.Get(ctx, kind, key)
	if err == nil {
		_ = blob.Close()
	}
	return err == nil
}

// remember keeps a bundle. That it could not be kept costs the next analysis,
// not this one.
//
// One that has files whole, in which there are secrets, is not kept.
func (r *reading) remember(ctx context.Context, b *bundle.Bundle, secret bool) {
	if key := r.key(); key != "" && !secret {
		_ = put(ctx, r.kept, bundleKind, key, func(w io.Writer) error { return bundle.WriteFile(w, b) })
	}
}

// memory is what cataloguing may remember; nil where nothing is kept.
func (r *reading) memory() *sbom.Memory {
	if !r.keeps {
		return nil
	}
	return &sbom.Memory{Store: sound{r.kept, r}, Fingerprint: r.fingerprint}
}

// sound is a store that keeps nothing more once a record was found to be damaged:
// what was found then may lack something.
type sound struct {
	cache.Store
	of *reading
}

// Create begins an entry.
func (s sound) Create(ctx context.Context, kind string) (cache.Pending, error) {
	if s.of.broken() != nil {
		return nil, errDamaged
	}
	return s.Store.Create(ctx, kind)
}

// exports is what reading an image may remember of an export in the cache. An
// entry begins with the SHA-256 of what follows.
type exports struct {
	ctx   context.Context
	store cache.Store
}

// maxRemembered bounds what is remembered of an export, in bytes.
const maxRemembered = 32 << 20

// Get gives what was put under a key. What is damaged is removed.
func (m exports) Get(key string) ([]byte, bool) {
	blob, err := m.store.Get(m.ctx, exportKind, keyOf(key))
	if err != nil {
		return nil, false
	}
	defer blob.Close()
	if blob.Size() > maxRemembered {
		return nil, false
	}
	data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
	if err != nil {
		return nil, false
	}
	if len(data) < sha256.Size || sha256.Sum256(data[sha256.Size:]) != [sha256.Size]byte(data) {
		_ = m.store.Remove(m.ctx, exportKind, keyOf(key))
		return nil, false
	}
	return data[sha256.Size:], true
}

// Put keeps data under a key, if there is room for it.
func (m exports) Put(key string, data []byte) {
	_ = put(m.ctx, m.store, exportKind, keyOf(key), func(w io.Writer) error {
		sum := sha256.Sum256(data)
		_, err := w.Write(append(sum[:], data...))
		return err
	})
}

// put keeps what fill writes.
func put(ctx context.Context, to cache.Store, kind, key string, fill func(io.Writer) error) error {
	p, err := to.Create(ctx, kind)
	if err != nil {
		return err
	}
	if err := fill(p); err != nil {
		return errors.Join(err, p.Discard())
	}
	blob, err := p.Commit(key)
	if err != nil {
		return err
	}
	return blob.Close()
}
