//go:build unix

package env

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// hold takes a folder of temporary files for this process, until the file it
// gives is closed or the process ends in whatever way. No file and no error says
// that another has it. Where the file system has no locks, nobody can be known
// to have it or not: the file is not locked.
func hold(dir string) (f *os.File, locked bool, err error) {
	name := filepath.Join(dir, holdFile)
	f, err = os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = flock(f)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, false, nil
	case !same(f, name):
		f.Close()
		return nil, false, fs.ErrNotExist // removed between opening and locking
	}
	return f, err == nil, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// same tells whether a file is the one of that name.
func same(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(name)
	return err == nil && os.SameFile(mine, named)
}

// own tells whether a file is this user's.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
