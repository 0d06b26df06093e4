package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/layers"
)

// aside is contents that are not in a layer's record: those with secrets, which
// nothing may hold that outlives the analysis, and those that shared a block of
// the record with them, which have an entry of their own in the cache.
type aside struct {
	Places map[int]extent `json:"places"` // by ordinal
	SHA256 []byte         `json:"sha256"` // of all of it

	blob    cache.Blob
	checked sync.Once
	damaged error
	end     int64
	sum     hash.Hash
	to      cache.Pending
}

// extent is where a content lies.
type extent struct {
	From int64 `json:"from"`
	Size int64 `json:"size"`
}

// maxBeside bounds the entry of those without secrets, in bytes.
const maxBeside = 256 << 20

// withhold takes the contents with secrets out of what was written of a record
// that outlives the analysis. nil: there are none.
func (r *reading) withhold(ctx context.Context, w *layers.Writer, x *layers.Index, p cache.Pending, secrets *found) (hidden, beside *aside, err error) {
	ordinals := secrets.ordinals()
	if !r.keeps || len(ordinals) == 0 {
		return nil, nil, nil
	}
	if hidden, err = newAside(ctx, r.spill); err != nil {
		return nil, nil, err
	}
	if beside, err = newAside(ctx, r.kept); err != nil {
		return nil, nil, errors.Join(err, hidden.close())
	}
	err = w.Withhold(x, p, ordinals, func(n int, content io.Reader) error {
		_, secret := slices.BinarySearch(ordinals, n)
		if secret || beside.end+x.Size(n) > maxBeside {
			return hidden.add(n, content)
		}
		return beside.add(n, content)
	})
	if err != nil {
		return nil, nil, errors.Join(err, hidden.close(), beside.close())
	}
	hidden.SHA256, beside.SHA256 = hidden.sum.Sum(nil), beside.sum.Sum(nil)
	return hidden, beside, nil
}

func newAside(ctx context.Context, in cache.Store) (*aside, error) {
	to, err := in.Create(ctx, layerKind)
	if err != nil {
		return nil, fmt.Errorf("keep files with secrets apart: %w", err)
	}
	return &aside{Places: map[int]extent{}, to: to, sum: sha256.New()}, nil
}

func (a *aside) add(ordinal int, content io.Reader) error {
	size, err := io.Copy(io.MultiWriter(a.to, a.sum), content)
	if err != nil {
		return fmt.Errorf("copy the content of entry %d: %w", ordinal, err)
	}
	a.Places[ordinal] = extent{a.end, size}
	a.end += size
	return nil
}

// commit makes it an entry.
func (a *aside) commit(key string) (err error) {
	switch {
	case a == nil:
		return nil
	case len(a.Places) == 0:
		return a.to.Discard()
	}
	if a.blob, err = a.to.Commit(key); err != nil {
		return fmt.Errorf("keep files with secrets apart: %w", err)
	}
	return nil
}

// attachment is what a record says of it.
func (a *aside) attachment() ([]byte, error) {
	if a == nil {
		return nil, nil
	}
	data, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("note what lies beside a layer's record: %w", err)
	}
	return data, nil
}

// openBeside reads what a record says, and finds the entry, which may have been
// removed; nil: the record says nothing.
func (r *reading) openBeside(ctx context.Context, attachment []byte, key string) *aside {
	a := &aside{}
	if json.Unmarshal(attachment, a) != nil || len(a.Places) == 0 {
		return nil
	}
	if blob, err := r.kept.Get(ctx, layerKind, key); err == nil {
		a.blob = blob
	} // else the layer is read again, should somebody ask
	return a
}

// has tells whether the entry with that ordinal lies there.
func (a *aside) has(ordinal int) bool {
	if a == nil {
		return false
	}
	_, ok := a.Places[ordinal]
	return ok
}

// content is what the entry with that ordinal holds.
func (a *aside) content(ordinal int) (layers.Content, bool) {
	if a == nil || a.blob == nil {
		return nil, false
	}
	at, ok := a.Places[ordinal]
	if !ok || at.From < 0 || at.Size < 0 {
		return nil, false
	}
	a.checked.Do(func() {
		sum := sha256.New()
		_, a.damaged = io.Copy(sum, io.NewSectionReader(a.blob, 0, a.blob.Size()))
		if a.damaged == nil && !slices.Equal(sum.Sum(nil), a.SHA256) {
			a.damaged = fmt.Errorf("its digest is wrong")
		}
	})
	if a.damaged != nil {
		return nil, false
	}
	return closing{io.NewSectionReader(a.blob, at.From, at.Size)}, true
}

// closing is a content that there is nothing to close of.
type closing struct{ *io.SectionReader }

// Close does nothing.
func (closing) Close() error { return nil }

func (a *aside) close() error {
	switch {
	case a == nil:
		return nil
	case a.blob != nil:
		return a.blob.Close()
	case a.to != nil:
		return a.to.Discard()
	}
	return nil
}
