//go:build !unix

package env

import (
	"io/fs"
	"os"
	"path/filepath"
)

// hold marks a folder of temporary files. There are no locks here that end with
// the process: nobody is known to have it or not.
func hold(dir string) (*os.File, bool, error) {
	f, err := os.OpenFile(filepath.Join(dir, holdFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close() // else it could not be removed
	}
	return f, false, err
}

// own holds for nothing: what is left cannot be told from what is in use.
func own(fs.FileInfo) bool { return false }
