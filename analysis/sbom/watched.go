package sbom

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/formats/fault"
)

// executablesForRelations is a kind of content that no file has. It tells the
// question for the executables that packages depend on from all others.
const executablesForRelations = "application/x-tidepole-executables"

// watched is the resolver that catalogers are given. It answers nothing once ctx
// has ended, so that whatever still catalogues ends too, and writes down what it
// was asked.
type watched struct {
	file.Resolver
	ctx   context.Context
	notes atomic.Bool    // there are packages that binaries tell of
	noted sync.Map       // where these are: by file.Coordinates
	asks  string         // the cataloger, if it is one of silencesOf
	only  *file.Location // the executable that it runs for alone; nil: for all
	seen  *record        // nil: is not written down
}

// HasPath tells whether there is such a path.
func (w *watched) HasPath(p string) bool {
	if w.ctx.Err() != nil {
		w.seen.spoil()
		return false
	}
	has := w.Resolver.HasPath(p)
	if w.seen != nil {
		w.seen.add(question(askHas, p), has, nil, nil)
	}
	return has
}

// FilesByPath finds files at paths.
func (w *watched) FilesByPath(paths ...string) ([]file.Location, error) {
	return w.ask(askPaths, w.Resolver.FilesByPath, paths)
}

// FilesByGlob finds files by patterns.
func (w *watched) FilesByGlob(patterns ...string) ([]file.Location, error) {
	return w.ask(askGlobs, w.Resolver.FilesByGlob, patterns)
}

// FilesByMIMEType finds files by kinds of content.
func (w *watched) FilesByMIMEType(kinds ...string) ([]file.Location, error) {
	if w.only != nil {
		return w.theOnly()
	}
	find := func(kinds ...string) ([]file.Location, error) { return findKinds(w.Resolver, kinds...) }
	if !slices.Contains(kinds, executablesForRelations) {
		if w.asks != "" {
			kinds = append(slices.Clone(kinds), leftOut+w.asks)
		}
		return w.ask(askKinds, find, kinds)
	}
	if !w.notes.Load() {
		return nil, nil
	}
	all, err := w.ask(askKinds, find, kinds)
	return w.related(all), err
}

func (w *watched) ask(kind byte, find func(...string) ([]file.Location, error), what []string) ([]file.Location, error) {
	if w.ctx.Err() != nil {
		w.seen.spoil()
		return nil, context.Cause(w.ctx)
	}
	found, err := find(what...)
	if fault.Of(err) == fault.TooLarge { // what is found within a limit is no fact of the image
		w.seen.spoil()
	}
	if w.seen != nil {
		w.seen.add(question(kind, what...), len(found) > 0, found, err)
	}
	return found, err
}

// RelativeFileByPath finds a file at a path: in the final image there is one at
// most.
func (w *watched) RelativeFileByPath(_ file.Location, p string) *file.Location {
	found, err := w.FilesByPath(p)
	if err != nil || len(found) == 0 {
		return nil
	}
	return &found[0]
}

// AllLocations gives every path.
func (w *watched) AllLocations(ctx context.Context) <-chan file.Location {
	return w.all(ctx, askAll, w.Resolver.AllLocations)
}

// inStores gives every path that lies in a Nix store.
func (w *watched) inStores(ctx context.Context) <-chan file.Location {
	return w.all(ctx, askStores, func(ctx context.Context) <-chan file.Location { return inStores(ctx, w.Resolver) })
}

// below is a resolver that finds what is in folders of some name without going
// through all paths.
type below interface {
	Below(ctx context.Context, folder, name string) <-chan file.Location
}

// inStores gives what lies in folders "store" of folders "nix".
func inStores(ctx context.Context, r file.LocationResolver) <-chan file.Location {
	if r, ok := r.(below); ok {
		return r.Below(ctx, "nix", "store")
	}
	given := make(chan file.Location)
	go func() {
		defer close(given)
		for l := range r.AllLocations(ctx) {
			if strings.Contains(l.RealPath, "/nix/store/") {
				select {
				case given <- l:
				case <-ctx.Done():
				}
			}
		}
	}()
	return given
}

func (w *watched) all(ctx context.Context, kind byte, find func(context.Context) <-chan file.Location) <-chan file.Location {
	given := make(chan file.Location)
	go func() {
		defer close(given)
		var said *telling
		if w.seen != nil {
			said = newTelling(w.seen.of, nil)
		}
		inner, stop := context.WithCancel(ctx)
		defer stop()
		for l := range find(inner) {
			w.seen.giving(l)
			select {
			case given <- l:
				if said != nil {
					said.add(l)
				}
			case <-ctx.Done():
				w.seen.spoil()
				return
			case <-w.ctx.Done():
				w.seen.spoil()
				return
			}
		}
		if ctx.Err() != nil || w.ctx.Err() != nil {
			w.seen.spoil()
			return
		}
		if said != nil {
			w.seen.tell(question(kind), said.answer(), nil)
		}
	}()
	return given
}

// FileMetadataByLocation describes a file.
func (w *watched) FileMetadataByLocation(l file.Location) (file.Metadata, error) {
	if !w.seen.gave(l) {
		w.seen.spoil()
	}
	return w.Resolver.FileMetadataByLocation(l)
}

// FileContentsByLocation opens a file whose reading fails once the context has
// ended.
func (w *watched) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	if w.ctx.Err() != nil {
		w.seen.spoil()
		return nil, context.Cause(w.ctx)
	}
	w.followed(l)
	rc, err := w.Resolver.FileContentsByLocation(l)
	if err != nil {
		w.unopened(l)
		return nil, err
	}
	watch := watchedReader{endingReader{rc, w.ctx}, w.seen}
	if at, ok := rc.(readerAt); ok {
		return watchedReaderAt{watch, at}, nil
	}
	return watch, nil
}

// followed writes down where a link leads whose content is asked for: that is
// not said by where the link is.
func (w *watched) followed(l file.Location) {
	if w.seen == nil {
		return
	}
	if !w.seen.gave(l) {
		w.seen.spoil()
	}
	m, err := w.Resolver.FileMetadataByLocation(l)
	if err == nil && (m.Type == stereofile.TypeSymLink || m.Type == stereofile.TypeHardLink) {
		_, _ = w.FilesByPath(l.RealPath)
	}
}

// unopened tells failures that the image is the reason of, and that come again,
// from those of this machine.
func (w *watched) unopened(l file.Location) {
	if w.seen == nil {
		return
	}
	if m, err := w.Resolver.FileMetadataByLocation(l); err != nil || m.Type == stereofile.TypeRegular {
		w.seen.spoil()
	}
}

// watchedReader sees to it that an answer for which a file could not be read is
// not remembered.
type watchedReader struct {
	endingReader
	seen *record
}

func (r watchedReader) Read(p []byte) (int, error) {
	n, err := r.endingReader.Read(p)
	r.seen.spoilOn(err)
	return n, err
}

type watchedReaderAt struct {
	watchedReader
	at readerAt
}

func (r watchedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if r.ctx.Err() != nil {
		r.seen.spoil()
		return 0, context.Cause(r.ctx)
	}
	n, err := r.at.ReadAt(p, off)
	// That an offset lies outside of the file is its reader's mistake, and comes
	// again.
	if off >= 0 {
		r.seen.spoilOn(err)
	}
	return n, err
}

func (r watchedReaderAt) Seek(offset int64, whence int) (int64, error) {
	return r.at.Seek(offset, whence)
}

// spoilOn takes note of an error that is not the file's end.
func (r *record) spoilOn(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		r.spoil()
	}
}
