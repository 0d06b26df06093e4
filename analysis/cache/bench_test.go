package cache_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tidepole/tidepole/analysis/cache"
)

// What an entry costs beside its bytes, in a cache that is full with 10,000.
func BenchmarkFullCache(b *testing.B) {
	const entries = 10_000
	d, err := cache.Open(b.TempDir(), cache.Options{MaxBytes: entries * block})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for n := range entries {
		if blob, err := commit(d, "layer", fmt.Sprintf("%02d%08d", n%100, n), []byte("x")); err != nil || blob.Close() != nil {
			b.Fatal(err)
		}
	}
	b.Run("commit", func(b *testing.B) {
		for n := range b.N {
			if blob, err := commit(d, "layer", fmt.Sprintf("%02d%08d", n%100, entries+n), []byte("x")); err != nil || blob.Close() != nil {
				b.Fatal(err)
			}
		}
	})
	put, err := commit(d, "layer", key(1), []byte("x"))
	if err != nil || put.Close() != nil {
		b.Fatal(err)
	}
	b.Run("get", func(b *testing.B) {
		for range b.N {
			if blob, err := d.Get(context.Background(), "layer", key(1)); err != nil || blob.Close() != nil {
				b.Fatal(err)
			}
		}
	})
}
