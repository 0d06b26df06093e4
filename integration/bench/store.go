package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// store keeps the bench's images and tools in the user's cache folder.
type store struct{ dir string }

// lock makes one bench at a time use the store; the lock ends with the process.
func (s store) lock() error {
	f, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another bench runs on %s: %w", s.dir, errors.Join(err, f.Close()))
	}
	held = f
	return nil
}

// held keeps the lock's file open.
var held *os.File

func openStore() (store, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return store{}, err
	}
	s := store{filepath.Join(cache, "tidepole-bench")}
	return s, os.MkdirAll(s.dir, 0o755)
}

func (s store) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// image opens an image that is there, made by maker, or makes it: fill writes
// its layers below the folder of blobs that it is given.
func (s store) image(name, maker string, fill func(blobs string) ([]layer, error)) (image, error) {
	i := image{Name: name, dir: s.path("images", name)}
	if kept, err := i.read(); err == nil && kept.Maker == maker {
		return kept, nil
	}
	say("image %s: making it", name)
	made := image{Name: name, Maker: maker, dir: i.dir + ".partial"}
	err := os.RemoveAll(made.dir)
	if err == nil {
		made.Layers, err = fill(made.blobs())
	}
	if err == nil {
		err = made.complete()
	}
	if err == nil {
		err = os.RemoveAll(i.dir)
	}
	if err == nil {
		err = os.Rename(made.dir, i.dir)
	}
	if err != nil {
		return i, errors.Join(fmt.Errorf("image %s: %w", name, err), os.RemoveAll(made.dir))
	}
	made.dir = i.dir
	return made, nil
}

// makerVersion is to be raised when images are made in another way.
const makerVersion = "1"

// maker is a digest of what decides how images are made: one that was made
// otherwise is made anew.
func maker() string {
	h := sha256.New()
	fmt.Fprintln(h, makerVersion)
	names, _ := fs.Glob(recipe, "recipe/*")
	for _, name := range names {
		data, _ := recipe.ReadFile(name)
		fmt.Fprintf(h, "%s %q\n", name, data)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// maker is the maker of what is made from an image.
func (i image) maker() string {
	h := sha256.New()
	fmt.Fprintln(h, maker())
	for _, l := range i.Layers {
		fmt.Fprintln(h, l.Digest)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// read reads what is kept of an image.
func (i image) read() (image, error) {
	data, err := os.ReadFile(i.facts())
	if err != nil {
		return i, err
	}
	return i, json.Unmarshal(data, &i)
}

// adopt gives an image a layer of another, without copying it.
func adopt(blobs string, from image, l layer) error {
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	err := os.Link(blobPath(from.blobs(), l.Digest), blobPath(blobs, l.Digest))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// writeFileBy writes a file by way of another name, so that it is there whole
// or not at all.
func writeFileBy(name string, fill func(io.Writer) error) error {
	partial := name + ".partial"
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<18)
	if err := errors.Join(fill(b), b.Flush(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, name)
}

func writeJSON(name string, v any) error {
	return writeFileBy(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
