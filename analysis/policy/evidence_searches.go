package policy

import (
	"cmp"
	"context"
	"encoding/base64"
	"io"
	"slices"

	"github.com/tidepole/tidepole/formats/bundle"
)

// match is one place where a rule or pattern of a search matched. What matched
// is not known here.
type match struct {
	path, name string
	layer      string // diff ID
	line       int64  // from 1
}

func (e *Evidence) collectSecrets(ctx context.Context, b *bundle.Bundle) (err error) {
	e.secrets, err = e.collectSearch(ctx, b, bundle.SecretSearches, Secrets)
	return err
}

func (e *Evidence) collectContents(ctx context.Context, b *bundle.Bundle) (err error) {
	e.contents, err = e.collectSearch(ctx, b, bundle.ContentSearches, Contents)
	return err
}

func (e *Evidence) collectSearch(ctx context.Context, b *bundle.Bundle, kind bundle.Kind, part Part) ([]match, error) {
	var matches []match
	err := stream(b, kind, func(r io.Reader) error {
		return bundle.EachSearch(r, func(s bundle.Search) error {
			for _, m := range s.Matches {
				if len(matches) == MaxMatches {
					e.lacks(part, "the %s have more than %d matches", part, MaxMatches)
					break
				}
				matches = append(matches, match{s.Location.Path, m.Classification, s.Location.LayerID, m.LineNumber})
			}
			return ctx.Err()
		})
	})
	order := e.layerOrder()
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.name, b.name),
			cmp.Compare(order[a.layer], order[b.layer]), cmp.Compare(a.layer, b.layer), cmp.Compare(a.line, b.line))
	})
	return matches, err
}

// collectRetrieved keeps files whole. Of a path that several layers have, the
// highest counts.
func (e *Evidence) collectRetrieved(ctx context.Context, b *bundle.Bundle) error {
	order, layer, total := e.layerOrder(), map[string]int{}, 0
	return stream(b, bundle.FileContents, func(r io.Reader) error {
		return bundle.EachFileContent(r, func(f bundle.FileContent) error {
			path := f.Location.Path
			data, err := base64.StdEncoding.DecodeString(f.Contents)
			if err != nil {
				e.lacks(Retrieved, "the contents of %s are not base64", quote(path))
				return ctx.Err()
			}
			at, known := layer[path]
			if known && at > order[f.Location.LayerID] {
				return ctx.Err()
			}
			if total+len(data) > MaxRetrieved {
				e.lacks(Retrieved, "the retrieved files are longer than %d bytes together", MaxRetrieved)
				return ctx.Err()
			}
			total += len(data) - len(e.retrieved[path])
			layer[path], e.retrieved[path] = order[f.Location.LayerID], data
			return ctx.Err()
		})
	})
}

// stream opens a part and has it read.
func stream(b *bundle.Bundle, kind bundle.Kind, read func(io.Reader) error) error {
	p, _ := b.Part(kind)
	r, err := p.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return read(r)
}
