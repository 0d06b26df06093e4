package sbom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/anchore/syft/syft/pkg"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/cache"
)

// Memory remembers what each cataloger found, with every question that it asked
// of the image for that. Where a new version of the image answers all of them
// alike, the cataloger would find the same, and does not look for it again.
type Memory struct {
	Store cache.Store
	// Fingerprint says all that an answer depends on beside the image: versions,
	// rules and options.
	Fingerprint string
}

const (
	catalogueKind = "catalogue"
	candidateKind = "catalogue-candidates"

	// maxCandidates is how many catalogues are tried for a new version of an
	// image: those of the versions that were seen last.
	maxCandidates = 3

	// maxEntry bounds an entry in bytes; a longer one is not remembered.
	maxEntry = 256 << 20
)

// canRemember tells whether the image's answers can be told from the layers they
// are of. Those of Windows images cannot: a link in one layer can stand for a
// file of another.
func (m *Memory) canRemember(src Source) bool {
	if m == nil || len(src.Layers) == 0 {
		return false
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(src.Config))
	return err == nil && !strings.EqualFold(config.OS, "windows")
}

// key is that of exactly these layers.
func (m *Memory) key(layers []string) string {
	h := sha256.New()
	h.Write(appendTexts([]byte(entryMagic), append([]string{m.Fingerprint, libraries()}, layers...)))
	return hex.EncodeToString(h.Sum(nil))
}

// libraries are the versions of what catalogues.
func libraries() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	text := info.GoVersion
	for _, d := range info.Deps {
		if strings.HasPrefix(d.Path, "github.com/anchore/") {
			text += " " + d.Path + "@" + d.Version
		}
	}
	return text
}

// recollection is what is remembered of the versions of an image that were seen
// last. A nil one knows nothing, and keeps nothing.
type recollection struct {
	memory *Memory
	layers []string // of the image
	own    string   // the key of exactly these

	once    sync.Once
	keys    []string
	entries []*remembered
	lacks   atomic.Bool // something is not remembered of exactly these layers
}

// remembered is an entry that is read when it is first needed.
type remembered struct {
	once sync.Once
	entry
}

// recollect is what may be known of the image.
func (m *Memory) recollect(src Source) *recollection {
	if !m.canRemember(src) {
		return nil
	}
	ids := src.diffIDs()
	return &recollection{memory: m, layers: ids, own: m.key(ids)}
}

// recall is what a cataloger found in a version of the image for the same answers,
// and its packages; nil if nothing is known. A store that cannot be read knows
// nothing.
func (r *recollection) recall(ctx context.Context, cataloger string, s *survey) (*finds, []pkg.Package) {
	if r == nil {
		return nil, nil
	}
	r.once.Do(func() {
		r.keys = append(r.keys, r.own)
		for _, key := range r.memory.candidates(ctx, r.layers) {
			if key != r.own {
				r.keys = append(r.keys, key)
			}
		}
		r.entries = make([]*remembered, len(r.keys))
		for i := range r.entries {
			r.entries[i] = &remembered{}
		}
	})
	for i, e := range r.entries {
		e.once.Do(func() {
			if found, err := r.memory.read(ctx, r.keys[i]); err == nil {
				e.entry = found
			}
		})
		part, ok := e.parts[cataloger]
		if !ok {
			continue
		}
		f, all, err := r.try(ctx, part, cataloger, slices.Equal(e.layers, r.layers), s)
		if err != nil {
			_ = r.memory.Store.Remove(ctx, catalogueKind, r.keys[i])
			continue
		}
		if f == nil {
			continue
		}
		if !slices.Equal(e.layers, r.layers) {
			r.lacks.Store(true)
		}
		return f, all
	}
	r.lacks.Store(true)
	return nil, nil
}

// try takes what a cataloger found, if all that it asked for is the same, but for
// names of layers.
func (r *recollection) try(ctx context.Context, p part, cataloger string, same bool, s *survey) (*finds, []pkg.Package, error) {
	f, err := p.parse(cataloger)
	if err != nil {
		return nil, nil, err
	}
	if !same {
		names := renames(f.layers, r.layers, f.bound)
		same, err = f.trace.holds(ctx, s.watched.Resolver, r.layers, names)
		if err != nil || !same {
			return nil, nil, nil
		}
		f.rename(names)
	}
	all, err := p.packages(f, s.locator())
	if err != nil || ctx.Err() != nil {
		return nil, nil, err
	}
	return f, all, nil
}

// read reads an entry, and has it removed if it is damaged.
func (m *Memory) read(ctx context.Context, key string) (entry, error) {
	data, err := m.load(ctx, catalogueKind, key)
	if err != nil {
		return entry{}, err
	}
	e, err := parseEntry(data)
	if err != nil {
		return entry{}, errors.Join(err, m.Store.Remove(ctx, catalogueKind, key))
	}
	return e, nil
}

func (m *Memory) load(ctx context.Context, kind, key string) ([]byte, error) {
	blob, err := m.Store.Get(ctx, kind, key)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if blob.Size() > maxEntry {
		return nil, fmt.Errorf("%w: it is too large", errDamaged)
	}
	data := make([]byte, blob.Size())
	if _, err := io.ReadFull(io.NewSectionReader(blob, 0, blob.Size()), data); err != nil {
		return nil, err
	}
	return data, nil
}

// remember keeps what was found, and which of the image's versions has it.
func (r *recollection) remember(ctx context.Context, all []*finds) error {
	if r == nil || !r.lacks.Load() {
		return nil
	}
	known := slices.DeleteFunc(slices.Clone(all), func(f *finds) bool { return !f.known })
	data, err := encodeEntry(r.layers, known)
	if err != nil || len(data) > maxEntry {
		return err
	}
	return r.memory.remember(ctx, r.layers, data)
}

func (m *Memory) remember(ctx context.Context, ids []string, data []byte) error {
	own := m.key(ids)
	if err := m.store(ctx, catalogueKind, own, data); err != nil {
		return err
	}
	keys := slices.DeleteFunc(m.candidates(ctx, ids), func(k string) bool { return k == own })
	keys = append([]string{own}, keys...)
	list, err := json.Marshal(keys[:min(len(keys), maxCandidates)])
	if err != nil {
		return err
	}
	key := m.family(ids)
	if err := m.Store.Remove(ctx, candidateKind, key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.store(ctx, candidateKind, key, list)
}

func (m *Memory) store(ctx context.Context, kind, key string, data []byte) error {
	p, err := m.Store.Create(ctx, kind)
	if err != nil {
		return err
	}
	if _, err := p.Write(data); err != nil {
		return errors.Join(err, p.Discard())
	}
	blob, err := p.Commit(key)
	if err != nil {
		return errors.Join(err, p.Discard())
	}
	return blob.Close()
}

// Entries are the kinds and keys of what may be remembered of an image of these
// layers.
func (m *Memory) Entries(layers []string) map[string]string {
	if m == nil || len(layers) == 0 {
		return nil
	}
	return map[string]string{catalogueKind: m.key(layers), candidateKind: m.family(layers)}
}

// family is the key of what may be versions of one image: they have the lowest
// layer in common.
func (m *Memory) family(layers []string) string { return m.key(layers[:1]) }

// candidates are the keys of the versions of an image that were seen last.
func (m *Memory) candidates(ctx context.Context, layers []string) []string {
	data, err := m.load(ctx, candidateKind, m.family(layers))
	if err != nil {
		return nil
	}
	var list []string
	if json.Unmarshal(data, &list) != nil || len(list) > maxCandidates {
		return nil
	}
	return slices.DeleteFunc(list, func(k string) bool { return !isKey(k) })
}

func isKey(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && strings.ToLower(s) == s
}
