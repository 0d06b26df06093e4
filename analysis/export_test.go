package analysis

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/tree"
)

// RecordNames are the tags that an image is recorded under.
func RecordNames(req Request, id image.Identity, source string) ([]string, error) {
	n, err := recordNames(req, id, source)
	return n.tags, err
}

// Quietly runs what must not end the process.
func Quietly(do func()) { quietly(do) }

// Fingerprint is what tells evidence by these options from that by others.
func Fingerprint(o Options) string { return o.fingerprint() }

// ProgramOf tells programs apart by what they were built from, and by their file
// where that is not certain.
func ProgramOf(info *debug.BuildInfo, file string) string {
	return programOf(info, info != nil, func() string { return file })
}

// OwnFile tells the file of this program from others.
func OwnFile() string { return ownFile() }

// Exports is what reading an image remembers in a store.
func Exports(ctx context.Context, store cache.Store) image.Memory { return exports{ctx, store} }

// Reread reads an image, and then asks for the contents of files, each in a
// goroutine of its own or one after the other. It gives them, how often the image
// was read for them, and how many records there were in the end.
func Reread(ctx context.Context, req Request, o Options, together bool, paths ...string) (contents map[string]string, rounds, records int, err error) {
	img, err := image.Open(ctx, req.Image)
	if err != nil {
		return nil, 0, 0, err
	}
	defer img.Close()
	r := newReading(req, o, img)
	defer func() { err = errors.Join(err, r.close()) }()
	all, err := r.read(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	var mu sync.Mutex
	var group errgroup.Group
	if !together {
		group.SetLimit(1)
	}
	contents = map[string]string{}
	ask := r.content(all)
	for i, l := range all {
		for n, p := range l.index().Paths() {
			if !slices.Contains(paths, string(p)) {
				continue
			}
			path, at := string(p), tree.Place{Layer: i, Ordinal: n}
			group.Go(func() error {
				c, err := ask(ctx, at)
				if err != nil {
					return err
				}
				defer c.Close()
				data, err := io.ReadAll(c)
				mu.Lock()
				defer mu.Unlock()
				contents[path] = string(data)
				return err
			})
		}
	}
	err = group.Wait()
	return contents, r.rounds, len(r.open), err
}
