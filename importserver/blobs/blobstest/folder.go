package blobstest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Folder makes places in folders.
func Folder(t *testing.T) Place {
	dir := filepath.Join(t.TempDir(), "blobs")
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	return Place{
		URL:     dir,
		Objects: func(t *testing.T) map[string][]byte { return files(t, dir) },
		Put:     func(t *testing.T, name string, data []byte) { put(t, at(name), data) },
		Remove: func(t *testing.T, name string) {
			if err := os.Remove(at(name)); err != nil {
				t.Fatal(err)
			}
		},
		Break: func(t *testing.T) func() {
			put(t, at("sha256"), nil) // no folder can be made there
			return func() {
				if err := os.Remove(at("sha256")); err != nil {
					t.Fatal(err)
				}
			}
		},
		Unended: func(t *testing.T, name string) func(*testing.T) int {
			half := at(name + ".187c2a5bd3f6e001.tmp")
			put(t, half, []byte("ha"))
			return func(*testing.T) int {
				found, _ := filepath.Glob(half)
				return len(found)
			}
		},
	}
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
