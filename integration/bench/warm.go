package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// warm reads all files below a path, so that they are in the page cache for
// whoever is first.
func warm(path string) error {
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
		return err
	})
}
