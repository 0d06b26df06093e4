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

	"github.com/anchore/syft/syft/file"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/cache"
)

// Memory remembers what was catalogued, with every question that was asked of
// the image for it. Where a new version of the image answers all of them alike,
// the answer is the same, too, and is not looked for again.
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

// recall is what is known of the image, nil if nothing is. A store that cannot
// be read knows nothing.
func (m *Memory) recall(ctx context.Context, r file.Resolver, src Source) (*sections, error) {
	if !m.canRemember(src) {
		return nil, nil
	}
	ids := src.diffIDs()
	own := m.key(ids)
	if e, err := m.read(ctx, own); err == nil && slices.Equal(e.layers, ids) {
		return e.sections, nil
	}
	for _, key := range m.candidates(ctx, ids) {
		if key == own {
			continue
		}
		e, err := m.read(ctx, key)
		if err != nil {
			continue
		}
		names := renames(e.layers, ids, e.Bound)
		same, err := e.trace.holds(ctx, r, ids, names)
		if err != nil {
			return nil, err
		}
		if !same {
			continue
		}
		found, err := e.sections.renamed(ctx, names, r)
		if err != nil {
			return nil, errors.Join(err, m.Store.Remove(ctx, catalogueKind, key))
		}
		_ = m.remember(ctx, src, e.trace.renamed(names), found)
		return found, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, nil
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
func (m *Memory) remember(ctx context.Context, src Source, t trace, s *sections) error {
	ids := src.diffIDs()
	data, err := entry{layers: ids, trace: t, sections: s}.encode()
	if err != nil || len(data) > maxEntry {
		return err
	}
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
