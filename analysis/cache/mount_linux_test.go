package cache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func mountSmall(dir string, bytes int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes))
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// asNobody makes a folder another user's, and has the calling thread touch files as that
// user until the function that it gives is called.
func asNobody(t *testing.T, dir string) (back func()) {
	t.Helper()
	const nobody = 65534
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	as := func(user uintptr) { syscall.RawSyscall(syscall.SYS_SETFSUID, user, 0, 0) }
	as(nobody)
	return func() {
		as(0)
		runtime.UnlockOSThread()
	}
}
