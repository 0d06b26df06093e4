package main

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// unpack writes the regular files of all layers below a folder, for programs
// that look at files: what a later layer deletes stays, as a scan of layers
// sees it too; what it replaces is replaced.
func unpack(i image, dir string) error {
	done := dir + ".done"
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range i.Layers {
		err := readLayer(i.blobs(), l, func(h *tar.Header, r io.Reader) error {
			if h.Typeflag != tar.TypeReg || isWhiteout(h.Name) {
				return nil
			}
			return unpackOne(root, h.Name, fs.FileMode(h.Mode).Perm()|0o400, r)
		})
		if err != nil {
			return err
		}
	}
	return os.WriteFile(done, nil, 0o644)
}

func unpackOne(root *os.Root, name string, mode fs.FileMode, r io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
