package analysis_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
)

// Of what an export told nothing else can tell that it changed: a size may be
// any number.
func TestWhatAnExportToldIsVerified(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	store, err := cache.Open(dir, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	memory := analysis.Exports(t.Context(), store)
	memory.Put("layer size", []byte("4096"))
	if data, ok := memory.Get("layer size"); !ok || string(data) != "4096" {
		t.Fatalf("got %q, %v", data, ok)
	}
	entries := 0
	err = filepath.WalkDir(filepath.Join(dir, "evidence-v1", "entries"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		entries++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)-33] ^= 1 // before what says which entry it is
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil || entries != 1 {
		t.Fatalf("%d entries: %v", entries, err)
	}
	if data, ok := memory.Get("layer size"); ok {
		t.Errorf("damaged, it gives %q", data)
	}
	if s, err := store.Status(t.Context()); err != nil || s.Entries != 0 {
		t.Errorf("the damaged entry is still there: %+v, %v", s, err)
	}
}
