package analysis

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/layers"
)

// aside is contents that no record in the cache may hold, as there are secrets
// among them. It ends with the analysis.
type aside struct {
	blob cache.Blob
	at   map[int]extent // by ordinal
}

// extent is where a content lies.
type extent struct{ from, size int64 }

// withhold takes the contents with secrets out of what was written of a record
// that outlives the analysis, and keeps them aside. nil: there are none.
func (r *reading) withhold(ctx context.Context, w *layers.Writer, x *layers.Index, p cache.Pending, secrets *found) (*aside, error) {
	if !r.keeps || secrets == nil || len(secrets.Files) == 0 {
		return nil, nil
	}
	var ordinals []int
	for _, f := range secrets.Files {
		ordinals = append(ordinals, f.Ordinal)
	}
	to, err := r.spill.Create(ctx, layerKind)
	if err != nil {
		return nil, err
	}
	a := &aside{at: map[int]extent{}}
	var end int64
	err = w.Withhold(x, p, ordinals, func(n int, content io.Reader) error {
		size, err := io.Copy(to, content)
		a.at[n] = extent{end, size}
		end += size
		return err
	})
	if err != nil || len(a.at) == 0 {
		return nil, errors.Join(err, to.Discard())
	}
	a.blob, err = to.Commit(fmt.Sprintf("aside-%08d", r.asides.Add(1)))
	return a, err
}

// content is what the entry with that ordinal holds.
func (a *aside) content(ordinal int) (layers.Content, bool) {
	if a == nil {
		return nil, false
	}
	at, ok := a.at[ordinal]
	if !ok {
		return nil, false
	}
	return closing{io.NewSectionReader(a.blob, at.from, at.size)}, true
}

// closing is a content that there is nothing to close of.
type closing struct{ *io.SectionReader }

// Close does nothing.
func (closing) Close() error { return nil }

func (a *aside) close() error {
	if a == nil || a.blob == nil {
		return nil
	}
	return a.blob.Close()
}
