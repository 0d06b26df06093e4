package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// File is where a result goes instead of standard output.
type File struct {
	Path      string // "" or "-": standard output
	Overwrite bool
}

// Register adds --file, with a letter where one is given, and --overwrite.
func (f *File) Register(fs *pflag.FlagSet, key, letter string) {
	fs.StringVarP(&f.Path, "file", letter, "", "write to `FILE` instead of standard output")
	fs.BoolVar(&f.Overwrite, "overwrite", false, "replace FILE if it is there")
	config.Key(fs, "file", key+".file")
	config.Key(fs, "overwrite", key+".overwrite")
}

// Write hands fill the place to write to. A file appears under its name whole
// or not at all.
func (f File) Write(stdout io.Writer, fill func(io.Writer) error) error {
	if f.Path == "" || f.Path == "-" {
		out := bufio.NewWriter(stdout)
		return errors.Join(fill(out), out.Flush())
	}
	if err := f.Check(); err != nil {
		return err
	}
	return Atomically(f.Path, fill)
}

// Check refuses to replace a file unasked. Devices and pipes are never replaced.
func (f File) Check() error {
	if f.Path == "" || f.Path == "-" || f.Overwrite {
		return nil
	}
	info, err := os.Lstat(f.Path)
	if err != nil || info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0 {
		return nil
	}
	return fault.New(fault.Conflict, "write %s: it is there already", f.Path).WithHint("--overwrite replaces it")
}

// Atomically writes a file that only this user can read next to path and then
// gives it that name. Into a device or a pipe it writes as into any other.
func Atomically(path string, fill func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return through(path, info, fill)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tidepole-*")
	if err != nil {
		return writeFault(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<16)
	if err := fill(out); err != nil {
		return err
	}
	for _, step := range []func() error{out.Flush, f.Sync, f.Close} {
		if err := step(); err != nil {
			return writeFault(path, err)
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return writeFault(path, err)
	}
	return nil
}

// through writes to what is there and is no regular file, as /dev/null, and must
// not be replaced.
func through(path string, info fs.FileInfo, fill func(io.Writer) error) error {
	if info.IsDir() {
		return fault.New(fault.Invalid, "write %s: it is a folder", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return writeFault(path, err)
	}
	out := bufio.NewWriterSize(f, 1<<16)
	return errors.Join(fill(out), out.Flush(), f.Close())
}

// writeFault names the path that the user gave, and not the temporary one
// next to it.
func writeFault(path string, err error) error {
	var other *fs.PathError
	if errors.As(err, &other) {
		err = other.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "write %s: %w", path, err).WithHint("there is no folder %s", filepath.Dir(path))
	}
	return fault.New(fault.Internal, "%w", fmt.Errorf("write %s: %w", path, err))
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
