package importserver

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// displayNames are what people call content types, where that is not the type's
// own name.
var displayNames = map[string]string{
	"files": "Files", "os": "OS packages", "secret_search": "Secret search", "content_search": "Content search",
	"retrieved_files": "Retrieved files", "binary": "Binary", "gem": "Gem", "go": "Go", "java": "Java", "npm": "NPM",
	"nuget": "NuGet", "python": "Python", "rust-crate": "Rust crate",
}

// ContentSummary counts an image's content by type. What was looked for and not
// found counts 0; what was not looked for is left out.
func (a *Account) ContentSummary(ctx context.Context, digest string) (wire.ContentSummary, error) {
	i, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return wire.ContentSummary{}, err
	}
	counts := map[string]int{}
	if !i.Facts.NoFiles {
		counts["files"] = 0
	}
	err = readDocument(b, bundle.Visitor{
		Package: func(p bundle.Package) error { counts[contentType(p.Type)]++; return nil },
		File:    func(bundle.File) error { counts["files"]++; return nil },
	})
	if err == nil {
		err = countSearches(b, counts)
	}
	if err != nil {
		return wire.ContentSummary{}, err
	}
	s := wire.ContentSummary{Items: []wire.ContentCount{}}
	for kind, n := range counts {
		s.Items = append(s.Items, wire.ContentCount{ContentType: kind, DisplayName: cmp.Or(displayNames[kind], kind), Count: n})
	}
	slices.SortFunc(s.Items, func(a, b wire.ContentCount) int { return strings.Compare(a.ContentType, b.ContentType) })
	return s, nil
}

// countSearches counts the paths that the answers about artifacts list.
func countSearches(b *bundle.Bundle, counts map[string]int) error {
	for kind, name := range map[bundle.Kind]string{bundle.SecretSearches: "secret_search", bundle.ContentSearches: "content_search"} {
		if _, ok := b.Part(kind); !ok {
			continue
		}
		seed, paths := maphash.MakeSeed(), map[uint64]bool{} // by their hashes: of a million, two are alike once in 30 million images
		r, err := open(b, kind, "")
		if err != nil {
			return err
		}
		err = bundle.EachSearch(r, func(s bundle.Search) error {
			if len(s.Matches) > 0 {
				paths[maphash.String(seed, s.Location.Path)] = true
			}
			if len(paths) > maxMatches {
				return fault.New(fault.TooLarge, "%s was found in more than %d files", kind, maxMatches).WithHint(searchesHint)
			}
			return nil
		})
		r.Close()
		if err != nil {
			return err
		}
		counts[name] = len(paths)
	}
	if _, ok := b.Part(bundle.FileContents); !ok {
		return nil
	}
	counts["retrieved_files"] = 0
	r, err := open(b, bundle.FileContents, "")
	if err != nil {
		return err
	}
	defer r.Close()
	return bundle.EachFileContent(r, func(bundle.FileContent) error { counts["retrieved_files"]++; return nil })
}
