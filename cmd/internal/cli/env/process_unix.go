//go:build unix

package env

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// alive tells whether a process of that id runs; where in doubt it does.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || !errors.Is(err, syscall.ESRCH)
}

// own tells whether a file is this user's.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
