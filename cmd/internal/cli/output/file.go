package output

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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

// Check refuses, before any work, a place that cannot be written to or whose file
// would be replaced unasked. Devices and pipes are never replaced.
func (f File) Check() error {
	if f.Path == "" || f.Path == "-" {
		return nil
	}
	info, err := os.Stat(f.Path)
	switch {
	case err == nil && info.IsDir():
		return isFolder(f.Path)
	case err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0:
		return nil
	}
	if _, err := os.Lstat(f.Path); err == nil && !f.Overwrite {
		return fault.New(fault.Conflict, "write %s: it is there already", f.Path).WithHint("--overwrite replaces it")
	}
	return tryOut(f.Path)
}

// tryOut tells whether a file can be made next to path.
func tryOut(path string) error {
	probe, err := os.CreateTemp(filepath.Dir(path), tempName)
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return writeFault(path, err)
	}
	return nil
}

func isFolder(path string) error {
	return fault.New(fault.Invalid, "write %s: it is a folder", path).WithHint("name a file in it")
}

// tempName is how files are called until they are whole.
const tempName = ".tidepole-*"

// Atomically writes a file that only this user can read next to path and then
// gives it that name. Into a device or a pipe it writes as into any other.
func Atomically(path string, fill func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return through(path, info, fill)
	}
	f, err := os.CreateTemp(filepath.Dir(path), tempName)
	if err != nil {
		return writeFault(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(sink{f, path}, 1<<16)
	if err := fill(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, step := range []func() error{f.Sync, f.Close} {
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
		return isFolder(path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return writeFault(path, err)
	}
	out := bufio.NewWriterSize(sink{f, path}, 1<<16)
	return errors.Join(fill(out), out.Flush(), f.Close())
}

// sink is a file whose errors are about the path that the user gave.
type sink struct {
	file *os.File
	path string
}

func (s sink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = writeFault(s.path, err)
	}
	return n, err
}

// writeFault names the path that the user gave, and not the temporary one
// next to it, and what to do.
func writeFault(path string, err error) error {
	var other *fs.PathError
	if errors.As(err, &other) {
		err = other.Err
	}
	dir := filepath.Dir(path)
	says := func(kind fault.Kind) *fault.Fault { return fault.New(kind, "write %s: %w", path, err) }
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return says(fault.Invalid).WithHint("there is no folder %s", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return says(fault.Invalid).WithHint("%s is not a folder", dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return says(fault.Forbidden).WithHint("name a file in a folder that this user can write to")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return says(fault.Unavailable).WithHint("make room on the disk of %s, or name a file on another", dir)
	case errors.Is(err, syscall.EFBIG):
		return says(fault.Unavailable).WithHint("files there may not become as long, by the disk's limit or this process's (ulimit -f)")
	}
	return says(fault.Internal)
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
