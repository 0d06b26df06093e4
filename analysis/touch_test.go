package analysis_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// The evidence of an image is all that is read of it where it is known; its layers
// must not be the first to go for that.
func TestLayersOfAKnownImageCountAsUsed(t *testing.T) {
	secrets, _ := matchers(t)
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, spec))}
	store := openCache(t)
	o := analysis.Options{Cache: store, Secrets: secrets, TempDir: t.TempDir()}
	analyze(t, req, o)
	s, err := store.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	age := func(visit func(name string, used time.Time)) {
		err := filepath.WalkDir(filepath.Join(s.Path, "entries"), func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				visit(name, info.ModTime())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	kinds := map[string]int{}
	age(func(name string, _ time.Time) {
		kinds[filepath.Base(filepath.Dir(filepath.Dir(name)))]++
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	})
	if kinds["layer"] < 2 || kinds["bundle"] != 1 || kinds["catalogue"] != 1 || kinds["catalogue-candidates"] != 1 {
		t.Fatalf("kept are %v", kinds)
	}
	analyze(t, req, o)
	age(func(name string, used time.Time) {
		if used.Sub(old) < time.Hour {
			t.Errorf("it looks as if it was not used: %s", name)
		}
	})
}
