package cache_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tidepole/tidepole/analysis/cache"
)

var errOver = errors.New("too much")

// fits tells whether so many bytes can be written, and gives them up.
func fits(t *testing.T, s cache.Store, bytes int) bool {
	t.Helper()
	p := pending(t, s)
	_, err := p.Write(make([]byte, bytes))
	if err != nil && !errors.Is(err, errOver) {
		t.Error(err)
	}
	if _, again := p.Write([]byte("x")); err != nil && !errors.Is(again, errOver) {
		t.Errorf("the next write: %v", again)
	}
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	return err == nil
}

func pending(t *testing.T, s cache.Store) cache.Pending {
	t.Helper()
	p, err := s.Create(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// want checks how many of 100 bytes are left.
func want(t *testing.T, s cache.Store, left int, when string) {
	t.Helper()
	if !fits(t, s, left) {
		t.Errorf("%s: %d bytes do not fit", when, left)
	}
	if fits(t, s, left+2) { // fits writes one more where that much fits
		t.Errorf("%s: %d bytes fit", when, left+2)
	}
}

func TestFilesWithoutANameCount(t *testing.T) {
	s := cache.Temporary(t.TempDir()).Within(cache.NewQuota(100, errOver))
	defer s.Close()
	want(t, s, 99, "at first")
	p := pending(t, s)
	if _, err := p.Write(make([]byte, 40)); err != nil {
		t.Fatal(err)
	}
	want(t, s, 59, "while something is written")
	b, err := p.Commit(key(1))
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, 59, "once it is an entry")
	if err := s.Remove(t.Context(), "layer", key(1)); err != nil {
		t.Fatal(err)
	}
	want(t, s, 59, "once it was removed, as long as somebody reads it")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, s, 99, "once nobody reads it")
}

func TestWhatIsWrittenToTheFolderCounts(t *testing.T) {
	warned := 0
	o := cache.Options{MaxBytes: block, Quota: cache.NewQuota(2*block+100, errOver), Warn: func(error) { warned++ }}
	d := open(t, t.TempDir(), o)
	p := pending(t, d)
	if _, err := p.Write(make([]byte, 2*block)); err != nil {
		t.Fatal(err)
	}
	want(t, d, 99, "while something is written")
	b, err := p.Commit(key(1)) // larger than what the cache may hold
	if err != nil || warned != 1 {
		t.Fatalf("%v, %d warnings", err, warned)
	}
	want(t, d, 99, "once it is read and not kept")
	if err := errors.Join(b.Close(), b.Close()); err == nil {
		t.Error("it can be closed twice")
	}
	want(t, d, 2*block+99, "once nobody reads it")
	kept, err := commit(d, "layer", key(2), bytes.Repeat([]byte("x"), 1000))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	want(t, d, 2*block+99, "once it is an entry, which the cache's own bound counts")
}
