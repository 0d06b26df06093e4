package analysis

import (
	"context"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
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

// Exports is what reading an image remembers in a store.
func Exports(ctx context.Context, store cache.Store) image.Memory { return exports{ctx, store} }
