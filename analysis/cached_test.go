package analysis_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tidepole/tidepole/analysis/cache"
)

// cached are the files of a cache's entries, by path.
func cached(t testing.TB, d *cache.Dir) map[string]string {
	t.Helper()
	s, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	err = filepath.WalkDir(filepath.Join(s.Path, "entries"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
