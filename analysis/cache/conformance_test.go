package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/formats/fault"
)

// stores are all implementations, each made anew.
var stores = map[string]func(t *testing.T) cache.Store{
	"folder":  func(t *testing.T) cache.Store { return open(t, t.TempDir(), cache.Options{}) },
	"scratch": func(t *testing.T) cache.Store { return temporary(t, t.TempDir()) },
}

func open(t *testing.T, dir string, o cache.Options) *cache.Dir {
	t.Helper()
	if o.Warn == nil {
		o.Warn = func(err error) { t.Errorf("warned: %v", err) }
	}
	d, err := cache.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func temporary(t *testing.T, dir string) *cache.Scratch {
	t.Helper()
	s := cache.Temporary(dir)
	t.Cleanup(func() { s.Close() })
	return s
}

// put makes an entry.
func put(t *testing.T, s cache.Store, kind, key, text string) {
	t.Helper()
	b, err := commit(s, kind, key, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func commit(s cache.Store, kind, key string, data []byte) (cache.Blob, error) {
	p, err := s.Create(context.Background(), kind)
	if err != nil {
		return nil, err
	}
	if _, err := p.Write(data); err != nil {
		return nil, errors.Join(err, p.Discard())
	}
	return p.Commit(key)
}

// get is what an entry holds; "" and false where there is none.
func get(t *testing.T, s cache.Store, kind, key string) (string, bool) {
	t.Helper()
	b, err := s.Get(context.Background(), kind, key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return read(t, b), true
}

func read(t *testing.T, b cache.Blob) string {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestStores(t *testing.T) {
	for name, make := range stores {
		t.Run(name, func(t *testing.T) { conform(t, make) })
	}
}

func conform(t *testing.T, make func(*testing.T) cache.Store) {
	ctx := context.Background()
	t.Run("what was committed is there, by kind and key", func(t *testing.T) {
		s := make(t)
		if _, ok := get(t, s, "layer", "00000001"); ok {
			t.Error("an empty store has an entry")
		}
		put(t, s, "layer", "00000001", "one")
		put(t, s, "layer", "00000002", "")
		put(t, s, "packages", "00000001", "other")
		for at, want := range map[[2]string]string{
			{"layer", "00000001"}: "one", {"layer", "00000002"}: "", {"packages", "00000001"}: "other",
		} {
			if got, ok := get(t, s, at[0], at[1]); !ok || got != want {
				t.Errorf("%v holds %q, %v; want %q", at, got, ok, want)
			}
		}
	})
	t.Run("commit opens what was written", func(t *testing.T) {
		b, err := commit(make(t), "layer", "00000001", []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if got := read(t, b); got != "text" || b.Size() != 4 {
			t.Errorf("%q of %d bytes", got, b.Size())
		}
	})
	t.Run("nothing is there before commit, nor after discard", func(t *testing.T) {
		s := make(t)
		p, err := s.Create(ctx, "layer")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(p, "half")
		if err := p.Discard(); err != nil {
			t.Error(err)
		}
		if _, err := p.Commit("00000001"); err == nil {
			t.Error("committed after discard")
		}
		if _, err := p.Write([]byte("x")); err == nil {
			t.Error("written to after discard")
		}
		if _, ok := get(t, s, "layer", "00000001"); ok {
			t.Error("there is an entry")
		}
	})
	t.Run("discard after commit keeps the entry", func(t *testing.T) {
		s := make(t)
		p, _ := s.Create(ctx, "layer")
		b, err := p.Commit("00000001")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Discard(), b.Close()); err != nil {
			t.Error(err)
		}
		if _, ok := get(t, s, "layer", "00000001"); !ok {
			t.Error("there is no entry")
		}
	})
	t.Run("a blob outlives a newer entry, removal and the store", func(t *testing.T) {
		s := make(t)
		first, err := commit(s, "layer", "00000001", []byte("first"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := commit(s, "layer", "00000001", []byte("second"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, "layer", "00000001")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(ctx, "layer", "00000001"); err != nil {
			t.Error(err)
		}
		if err := s.Remove(ctx, "layer", "00000001"); err != nil {
			t.Errorf("remove what is not there: %v", err)
		}
		if _, ok := get(t, s, "layer", "00000001"); ok {
			t.Error("the entry is there after it was removed")
		}
		if err := s.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
		for b, want := range map[cache.Blob]string{first: "first", second: "second"} {
			if text := read(t, b); text != want {
				t.Errorf("%q, want %q", text, want)
			}
		}
		if text := read(t, got); text != "first" && text != "second" {
			t.Errorf("%q", text)
		}
		for _, b := range []cache.Blob{first, second, got} {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := commit(s, "layer", "00000001", nil); err == nil {
			t.Error("a closed store takes entries")
		}
	})
	t.Run("names that are none are refused", func(t *testing.T) {
		s := make(t)
		for _, kind := range []string{"", ".", "..", "a/b", "A", "lay er", "layer\x00", strings.Repeat("x", 40)} {
			if _, err := s.Create(ctx, kind); fault.Of(err) != fault.Invalid {
				t.Errorf("kind %q: %v", kind, err)
			}
			if _, err := s.Get(ctx, kind, "00000001"); fault.Of(err) != fault.Invalid {
				t.Errorf("kind %q: %v", kind, err)
			}
		}
		for _, key := range []string{"", "short", "../../../../etc", "..000000", "0000/0001", "0000000A", "0000000\n", "sha256:000", strings.Repeat("0", 300)} {
			if _, err := s.Get(ctx, "layer", key); fault.Of(err) != fault.Invalid {
				t.Errorf("get %q: %v", key, err)
			}
			if err := s.Remove(ctx, "layer", key); fault.Of(err) != fault.Invalid {
				t.Errorf("remove %q: %v", key, err)
			}
			if _, err := commit(s, "layer", key, nil); fault.Of(err) != fault.Invalid {
				t.Errorf("commit %q: %v", key, err)
			}
		}
	})
	t.Run("work ends with its context", func(t *testing.T) {
		s := make(t)
		ctx, cancel := context.WithCancel(ctx)
		p, err := s.Create(ctx, "layer")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := p.Write([]byte("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("write: %v", err)
		}
		if _, err := p.Commit("00000001"); !errors.Is(err, context.Canceled) {
			t.Errorf("commit: %v", err)
		}
		if _, err := s.Get(ctx, "layer", "00000001"); !errors.Is(err, context.Canceled) {
			t.Errorf("get: %v", err)
		}
		if _, err := s.Create(ctx, "layer"); !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v", err)
		}
	})
	t.Run("many goroutines", func(t *testing.T) {
		s := make(t)
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() { hammer(t.Errorf, s, g, 100) })
		}
		all.Wait()
	})
}

// hammer makes, reads and removes entries of a few keys. What an entry holds is
// told by its key, so that half of one, or another's, shows.
func hammer(fail func(string, ...any), s cache.Store, seed, rounds int) {
	ctx := context.Background()
	for i := range rounds {
		key := fmt.Sprintf("%08d", (seed*7+i*3)%10)
		want := bytes.Repeat([]byte(key), 1000*(1+(seed*7+i*3)%10))
		b, err := s.Get(ctx, "layer", key)
		if errors.Is(err, fs.ErrNotExist) {
			b, err = commitInParts(s, key, want)
		}
		if err != nil {
			fail("%s: %v", key, err)
			return
		}
		got := make([]byte, b.Size())
		if _, err := b.ReadAt(got, 0); err != nil && err != io.EOF || !bytes.Equal(got, want) {
			fail("%s holds %d bytes, not %d: %v", key, len(got), len(want), err)
		}
		if err := b.Close(); err != nil {
			fail("close: %v", err)
		}
		if i%9 == 0 {
			if err := s.Remove(ctx, "layer", key); err != nil {
				fail("remove: %v", err)
			}
		}
	}
}

func commitInParts(s cache.Store, key string, data []byte) (cache.Blob, error) {
	p, err := s.Create(context.Background(), "layer")
	if err != nil {
		return nil, err
	}
	for len(data) > 0 {
		n := min(len(data), 4000)
		if _, err := p.Write(data[:n]); err != nil {
			return nil, err
		}
		data = data[n:]
	}
	return p.Commit(key)
}

func TestScratchHasNoFiles(t *testing.T) {
	dir := t.TempDir()
	s := temporary(t, dir)
	p, err := s.Create(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(p, "text")
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("a kill would leave %v", left)
	}
	if b, err := p.Commit("00000001"); err != nil || read(t, b) != "text" {
		t.Error(err)
	}
	if _, err := cache.Temporary(dir+"/none").Create(context.Background(), "layer"); !strings.Contains(fault.Hint(err), "--temp-dir") {
		t.Errorf("%v, %q", err, fault.Hint(err))
	}
}
